package order

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// placedEntry is what a node orders whose batch lies at holders.
func placedEntry(t *testing.T, node, seq uint64, digest byte, holders ...uint64) []byte {
	t.Helper()
	p := proposal([]Append{one("a")})
	if err := p.seal(blobstore.Digest{digest}, 1, func([]byte) uint32 { return 0 }); err != nil {
		t.Fatal(err)
	}
	h := &header{node: node, incarnation: 1, seq: seq, holders: holders, placed: true}
	return p.append(appendHeader(nil, KindBatch, h))
}

// TestPlacedOrderDoesNotWait: the order of a batch that is placed is stored by a node without the
// content, which it asks nobody for.
func TestPlacedOrderDoesNotWait(t *testing.T) {
	m := follower(t)
	m.core.options.Has = func(blobstore.Digest) bool { return false }
	m.entries(1, 1, 0, 0, entry(1, 1, ""), entry(2, 1, string(placedEntry(t, 2, 1, 1, 1, 2))))
	if n := len(m.core.held); n != 0 || m.core.storage.last() != 2 {
		t.Fatalf("%d messages wait, entries up to %d are stored", n, m.core.storage.last())
	}
	m.core.Messages()
	m.must(m.core.Tick(1))
	for _, msg := range m.core.Messages() {
		if msg.Kind == MessageWant {
			t.Error("somebody was asked for the content")
		}
	}
}

// TestLeaderTakesPlacedProposal: a leader takes a proposal whose content it hasn't got, if that is placed.
func TestLeaderTakesPlacedProposal(t *testing.T) {
	m := newMachine(t, Limits{})
	m.core.options.Has = func(blobstore.Digest) bool { return false }
	m.must(m.core.propose(incarnationOf(2)))
	m.settle()
	var got *Decision
	m.decided = func(d *Decision) {
		if d.Node == 2 && d.Kind == KindBatch {
			got = new(*d)
			got.Holders = slices.Clone(d.Holders)
		}
	}
	m.must(m.core.Step(Message{2, 1, MessageProposal, placedEntry(t, 2, 1, 7, 5, 6)}))
	m.settle()
	if got == nil || got.Skipped || !got.Placed || !got.Owned || !slices.Equal(got.Holders, []uint64{5, 6}) {
		t.Errorf("decided %+v", got)
	}
	together := bytes.Clone(placedEntry(t, 2, 2, 8, 2))
	together[0] = envelopeVersion
	m.must(m.core.Step(Message{2, 1, MessageProposal, together}))
	if len(m.core.parked) != 1 {
		t.Error("one that is not placed doesn't wait for its content")
	}
}

func incarnationOf(node uint64) []byte {
	return appendHeader(nil, KindIncarnation, &header{node: node, incarnation: 1})
}

// TestPulledWithoutContent: decided records are taken without the content of what is placed, and, where there are
// more members than replicas, of the rest.
func TestPulledWithoutContent(t *testing.T) {
	for _, test := range []struct {
		name     string
		placed   bool
		replicas int
		taken    bool
	}{{"together", false, 2, false}, {"together, spread", false, 1, true}, {"placed", true, 2, true}} {
		from := newMachine(t, Limits{})
		from.must(from.core.Set(Placement{Replicas: test.replicas}))
		from.settle()
		from.must(from.core.Join(3, []byte("three")))
		from.settle()
		stamp := int64(1)
		if test.placed {
			stamp = 2
		}
		from.propose(stamp, one("a"))
		from.idle()
		m := follower(t)
		m.core.lead = 0
		m.core.options.Has = func(blobstore.Digest) bool { return false }
		m.core.options.Owns = func(blobstore.Digest) bool { return test.placed }
		decided := []byte{decidedVersion}
		for _, f := range from.disk {
			if len(f.decided) > 0 {
				decided = append(decided, f.decided[1:]...)
			}
		}
		var last Decision
		m.decided = func(d *Decision) { last = *d }
		m.must(m.core.Step(Message{1, 3, MessageRecords, decided}))
		m.settle()
		if taken := m.core.Applied() == from.core.Applied(); taken != test.taken {
			t.Errorf("%s: applied %d of %d", test.name, m.core.Applied(), from.core.Applied())
		} else if taken && (last.Kind != KindBatch || last.Placed != test.placed || last.Owned != test.placed) {
			t.Errorf("%s: decided %+v", test.name, last)
		}
	}
}
