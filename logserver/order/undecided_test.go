package order

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ringlog/ringlog/blobstore"
)

// Decisions are written after they were made, perhaps behind the same content stored anew: a
// replay comes to the same places all the same.
func TestUndecidedReplaysAsItWas(t *testing.T) {
	d := blobstore.Digest{1}
	first, second := &Decision{Index: 5, Kind: KindBatch, Digest: d}, &Decision{Index: 9, Kind: KindBatch, Digest: d}
	var live, replayed Undecided[int]
	found := func(u *Undecided[int]) int { v, _ := u.Find(d); return v }

	live.Store(d, 1, 0)
	a := found(&live)
	live.Decide(first)
	if live.Has(d) {
		t.Error("what was decided is still to be decided")
	}
	live.Store(d, 2, 5)
	b := found(&live)
	live.Decide(second)

	replayed.Store(d, 1, 0)
	replayed.Store(d, 2, 0)
	if got := found(&replayed); got != a {
		t.Errorf("the first decision is about %d, was about %d", got, a)
	}
	replayed.Decide(first)
	if got := found(&replayed); got != b {
		t.Errorf("the second decision is about %d, was about %d", got, b)
	}
	replayed.Decide(second)
	if replayed.Has(d) {
		t.Error("what was decided is still to be decided")
	}
}

// Content that several proposals name stays until the last of them is decided, and what is
// skipped comes again.
func TestUndecidedIsKeptForThoseToCome(t *testing.T) {
	d := blobstore.Digest{1}
	var u Undecided[int]
	u.Store(d, 1, 0)
	u.Decide(&Decision{Index: 4, Kind: KindBatch, Digest: d, Skipped: true})
	if !u.Has(d) {
		t.Error("what was skipped is forgotten")
	}
	for i := range maxDecided + 2 {
		other := blobstore.Digest{2, byte(i), byte(i >> 8)}
		u.Store(other, i, 0)
		u.Decide(&Decision{Index: uint64(5 + i), Kind: KindBatch, Digest: other})
	}
	if _, ok := u.Find(blobstore.Digest{2, 0, 0}); ok || len(u.byDigest) > maxDecided+1 {
		t.Errorf("%d contents are remembered", len(u.byDigest))
	}
	for i := range maxUndecided + 1 {
		u.Store(blobstore.Digest{3, byte(i), byte(i >> 8), byte(i >> 16)}, i, 0)
	}
	if len(u.byDigest) > maxUndecided+1 {
		t.Errorf("%d contents without an order are remembered", len(u.byDigest))
	}
}

// Content that comes again and again was forgotten as soon as it was decided: it took the
// places of its own earlier decisions among those that are remembered. Nodes that had pulled
// records of it, or were killed, didn't start any more.
func TestContentDecidedOverAndOverIsRemembered(t *testing.T) {
	var u Undecided[int]
	often := blobstore.Sum([]byte("often"))
	for i := range uint64(4 * maxDecided) {
		u.Store(often, 1, i)
		u.Decide(&Decision{Index: i + 1, Kind: KindBatch, Digest: often})
		if _, ok := u.Find(often); !ok {
			t.Fatalf("forgotten as soon as decision %d was made", i+1)
		}
	}
	for i := range uint64(maxDecided) {
		other := blobstore.Sum([]byte{byte(i), byte(i >> 8)})
		u.Store(other, 2, 0)
		u.Decide(&Decision{Index: 5*maxDecided + i, Kind: KindBatch, Digest: other})
		if _, ok := u.Find(often); ok != (i < maxDecided-1) {
			t.Fatalf("after %d others: found %v", i+1, ok)
		}
	}
}

// TestPulledAtBothEnds: what is pulled at once may name the same content first and last, with so much
// between that a node doesn't remember what was decided so long ago.
func TestPulledAtBothEnds(t *testing.T) {
	donor := newMachine(t, Limits{})
	same := blobstore.Digest{1}
	for i := range maxDecided + 10 {
		d := blobstore.Digest{2, byte(i), byte(i >> 8)}
		if i == 0 || i == maxDecided+9 {
			d = same
		}
		donor.must(donor.core.Propose(proposal([]Append{one("a")}), d, 1))
		donor.settle()
	}
	donor.idle()
	var records [][]byte
	for _, f := range donor.disk {
		if f.decided != nil {
			donor.must(SplitDecided(f.decided, func(_ uint64, r []byte) error {
				records = append(records, r)
				return nil
			}))
		}
	}
	m := follower(t)
	var u Undecided[int]
	m.core.options.Has = u.Has
	comes := func(d blobstore.Digest) {
		u.Store(d, 1, m.core.Applied())
		m.must(m.core.Arrived())
	}
	for i := range maxDecided + 10 {
		comes(blobstore.Digest{2, byte(i), byte(i >> 8)})
	}
	comes(same)
	m.decided = func(d *Decision) {
		if _, ok := u.Find(d.Digest); !ok && len(d.Runs) > 0 {
			t.Fatalf("entry %d names content that is forgotten", d.Index)
		}
		u.Decide(d)
	}
	m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgSnap.Enum(), Term: new(uint64(1)), Snapshot: donor.core.snapshot()})))
	for tries := 0; m.core.Applied() < donor.core.Applied(); tries++ {
		if tries > 10 {
			t.Fatalf("applied %d of %d", m.core.Applied(), donor.core.Applied())
		}
		m.must(m.core.Step(Message{2, 3, MessageRecords, JoinDecided(nil, records...)}))
		m.settle()
		for _, asked := range m.core.Messages() {
			if asked.Kind == MessageWant {
				w, err := ReadWant(asked.Payload)
				m.must(err)
				comes(w.Digest)
			}
		}
	}
}
