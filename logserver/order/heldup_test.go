package order

import (
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ringlog/ringlog/blobstore"
)

// TestHeldUpByOldContent: a node that was cut off gets entries whose content nobody gives by its digest, since
// it was decided long ago, or refused. It pulls what was decided, and goes on.
func TestHeldUpByOldContent(t *testing.T) {
	donor := newMachine(t, Limits{})
	donor.propose(1, one("a"))
	donor.propose(2, after("b", 9)) // refused: nobody has its content any more
	donor.idle()
	applied := donor.core.Applied()
	m := follower(t)
	m.core.options.Has = func(blobstore.Digest) bool { return false }
	entries, records := donor.written()
	var first blobstore.Digest
	for _, e := range slices.Backward(entries) {
		if _, d, ok := batchOf(e.GetData()); ok {
			first = d
		}
	}
	m.entries(1, 1, 0, 0, append(entries, entry(applied+1, 1, ""))...)
	if len(m.core.held) != 1 {
		t.Fatalf("%d messages are held", len(m.core.held))
	}
	m.core.Messages()
	for range heldUp {
		m.must(m.core.Tick(1))
	}
	pulls := func() bool {
		return slices.ContainsFunc(m.core.Messages(), func(m Message) bool {
			p, err := ReadPull(m.Payload)
			return m.Kind == MessagePull && err == nil && p == Pull{1, maxNumber}
		})
	}
	if !pulls() {
		t.Fatal("nothing was pulled")
	}
	for range 2 { // up to the first one with content, and that
		m.must(m.core.Step(Message{2, 3, MessageRecords, JoinDecided(nil, records...)}))
		m.settle()
	}
	wants := slices.ContainsFunc(m.core.Messages(), func(m Message) bool {
		w, err := ReadWant(m.Payload)
		return m.Kind == MessageWant && err == nil && w.Log == 1 && w.Index == 1
	})
	if !wants {
		t.Error("content was not asked for by log and index")
	}
	m.core.options.Has = func(d blobstore.Digest) bool { return d == first } // not the refused one's
	m.must(m.core.Arrived())
	m.must(m.core.Step(Message{2, 3, MessageRecords, JoinDecided(nil, records...)}))
	m.settle()
	if m.core.Applied() < applied || m.core.wholeHash() != donor.core.wholeHash() {
		t.Fatalf("applied %d of %d", m.core.Applied(), applied)
	}
	if len(m.core.held) != 0 || m.core.storage.last() != applied+1 {
		t.Errorf("%d messages are held, Raft has entries up to %d", len(m.core.held), m.core.storage.last())
	}
}

// written returns what the machine has stored as order, and as records.
func (m *machine) written() (entries []*pb.Entry, records [][]byte) {
	m.t.Helper()
	for _, f := range m.disk {
		for _, o := range f.order {
			e, err := decodeOrder(o)
			m.must(err)
			entries = append(entries, e)
		}
		if f.decided != nil {
			m.must(SplitDecided(f.decided, func(_ uint64, r []byte) error {
				records = append(records, r)
				return nil
			}))
		}
	}
	return entries, records
}
