package order

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

func orderFrame(index, term uint64, data string) []byte {
	return appendOrder(nil, &pb.Entry{Type: pb.EntryNormal.Enum(), Index: new(index), Term: new(term), Data: []byte(data)})
}

// incarnationEntry is some valid proposal that can be told from others.
func incarnationEntry(n uint64) string {
	return string(appendHeader(nil, KindIncarnation, &header{node: 9, incarnation: n}))
}

// TestLastOrderFrameWins: 5/t2, 5/t3, 5/t2 is legal and 5/t2 is the truth.
func TestLastOrderFrameWins(t *testing.T) {
	c := New(Options{Node: 1})
	for i := range uint64(4) {
		if err := c.ReplayOrder(orderFrame(i+1, 1, "")); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range [][]byte{
		orderFrame(5, 2, incarnationEntry(1)), orderFrame(6, 2, incarnationEntry(2)),
		orderFrame(5, 3, incarnationEntry(3)),
		orderFrame(5, 2, incarnationEntry(4)),
	} {
		if err := c.ReplayOrder(f); err != nil {
			t.Fatal(err)
		}
	}
	m := &machine{t: t, core: c}
	var got []uint64
	m.decided = func(d *Decision) {
		if d.Kind == KindIncarnation && d.Node == 9 {
			got = append(got, d.Index, d.Term, d.Incarnation)
		}
	}
	m.start()
	if len(got) != 3 || got[0] != 5 || got[1] != 2 || got[2] != 4 {
		t.Errorf("decided: %d", got)
	}
	if term := c.flushed.term; term <= 3 {
		t.Errorf("goes on in term %d, but 3 was seen", term)
	}
}

func TestGapInOrderFrames(t *testing.T) {
	c := New(Options{Node: 1})
	if err := c.ReplayOrder(orderFrame(2, 1, "")); err == nil {
		t.Error("taken")
	}
}

// TestTermsFallingInOrderFrames: entries whose terms fall were never in one log.
func TestTermsFallingInOrderFrames(t *testing.T) {
	c := New(Options{Node: 1})
	for _, f := range [][]byte{orderFrame(1, 2, ""), orderFrame(2, 1, "")} {
		if err := c.ReplayOrder(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Start(); err == nil || c.Err() == nil {
		t.Error("started")
	}
}

// TestCheckpointAheadOfHardState: state frames, order and decided frames behind the
// replay point may all be older than the checkpoint.
func TestCheckpointAheadOfHardState(t *testing.T) {
	m := newMachine(t, Limits{})
	m.propose(1, one("a"))
	for range 3 {
		m.restart() // raises the term
	}
	m.propose(2, one("a"))
	m.checkpoint()
	m.db.replay = 0
	term := m.core.flushed.term
	for n := range len(m.disk) + 1 {
		c, err := restored(m.options, m.db, m.disk[:n])
		if err != nil {
			t.Fatal(err)
		}
		other := &machine{t: t, core: c}
		other.start()
		if c.flushed.term != term+1 {
			t.Errorf("goes on in term %d after %d", c.flushed.term, term)
		}
		if _, head, _ := c.Log([]byte("a")); head != 2 {
			t.Errorf("head is %d", head)
		}
		other.expect([]Append{one("a")}, appended(3))
	}
}

// TestStateFrameBehindCheckpoint: a vote that was cast after the checkpoint counts.
func TestStateFrameBehindCheckpoint(t *testing.T) {
	m := newMachine(t, Limits{})
	m.checkpoint()
	c, err := restored(m.options, m.db, m.disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ReplayState(appendState(nil, hardState{term: 40, vote: 1, commit: 2})); err != nil {
		t.Fatal(err)
	}
	if err := c.ReplayState(appendState(nil, hardState{term: 7, vote: 9})); err != nil {
		t.Fatal(err)
	}
	if c.restore.hard.vote != 1 {
		t.Errorf("vote: %d", c.restore.hard.vote)
	}
	other := &machine{t: t, core: c}
	other.start()
	if c.flushed.term != 41 {
		t.Errorf("goes on in term %d", c.flushed.term)
	}
}

// TestCommitBeyondOrder: order that was committed and is gone is found out.
func TestCommitBeyondOrder(t *testing.T) {
	c := New(Options{Node: 1})
	if err := c.ReplayState(appendState(nil, hardState{term: 1, vote: 1, commit: 3})); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err == nil {
		t.Error("started")
	}
}

// TestRestartedNodeAskedAtOnce: nothing is served before an entry of the current term
// has been applied.
func TestRestartedNodeAskedAtOnce(t *testing.T) {
	m := newMachine(t, Limits{})
	m.must(m.core.Propose(proposal([]Append{one("a")}), blobstore.Digest{1}, 1))
	m.flush() // and killed: ordered, never decided
	c, err := restored(m.options, m.db, m.disk)
	if err != nil {
		t.Fatal(err)
	}
	m.must(c.Start())
	m.core = c
	for !c.Serving() {
		if err := c.Propose(proposal([]Append{one("a")}), blobstore.Digest{2}, 1); !errors.Is(err, ErrNotServing) {
			t.Fatalf("proposed: %v", err)
		}
		if !m.step() {
			t.Fatal("never serves")
		}
	}
	if _, head, _ := c.Log([]byte("a")); head != 1 {
		t.Errorf("serves with head %d", head)
	}
}

// TestOneFlushABatch: a batch needs one flush, which takes the decisions before along.
func TestOneFlushABatch(t *testing.T) {
	m := newMachine(t, Limits{})
	for range 3 {
		before := len(m.disk)
		m.propose(1, one("a"))
		if n := len(m.disk) - before; n != 1 {
			t.Errorf("%d flushes", n)
		}
		f := m.disk[before]
		if len(f.order) != 1 || f.state != nil || f.decided == nil {
			t.Errorf("flushed %d order frames, state %x, decided %x", len(f.order), f.state, f.decided)
		}
		if m.core.WrittenDecided() != m.core.Applied()-1 {
			t.Errorf("written %d, applied %d", m.core.WrittenDecided(), m.core.Applied())
		}
	}
	if _, ok := m.core.Checkpoint(); ok {
		t.Error("checkpoint beyond what is written")
	}
	m.idle()
	if m.core.PendingDecided() || m.core.WrittenDecided() != m.core.Applied() {
		t.Error("decisions are left when idle")
	}
}

// TestPipelined: what is proposed while a flush is under way comes with the next.
func TestPipelined(t *testing.T) {
	m := newMachine(t, Limits{})
	for i := range uint64(10) {
		m.must(m.core.Propose(proposal([]Append{one("a")}), blobstore.Digest{byte(i)}, 1))
		if !m.flush() {
			t.Fatal("nothing to flush")
		}
		m.must(m.core.Propose(proposal([]Append{one("b")}), blobstore.Digest{byte(i)}, 1))
		m.advance()
		if _, head, _ := m.core.Log([]byte("b")); head != i {
			t.Fatalf("head of b is %d: decided before it was flushed", head)
		}
		m.settle()
	}
	m.restart()
	if _, head, _ := m.core.Log([]byte("b")); head != 10 {
		t.Errorf("head is %d", head)
	}
}

// TestNewerVersions: what this version doesn't know is an error, never skipped.
func TestNewerVersions(t *testing.T) {
	var rec record
	rec.reset(1, 1)
	rec.kind = KindRedact
	rec.node = 1
	trim := appendHeader(nil, KindTrim, &header{node: 1})
	for what, err := range map[string]error{
		"envelope": new(envelope).decode([]byte{4, 1}),
		"kind":     new(envelope).decode(trim),
		"record":   new(record).decode(rec.append(nil)),
		"order":    New(Options{}).ReplayOrder([]byte{2, 0, 1, 1}),
		"type":     New(Options{}).ReplayOrder([]byte{1, byte(pb.EntryConfChange), 1, 1}),
		"state":    New(Options{}).ReplayState([]byte{2}),
		"decided":  New(Options{}).ReplayDecided([]byte{2}, nil),
		"settings": (&Settings{Apply: 3}).known(),
		"load":     New(Options{}).LoadCheckpoint(appendSum([]byte{4}, 0)),
	} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestUnknownProposal: a committed entry of a newer version stops the Core.
func TestUnknownProposal(t *testing.T) {
	m := newMachine(t, Limits{})
	m.must(m.core.propose(appendHeader(nil, KindTrim, m.core.header(1))))
	m.flush()
	if err := m.core.Advance(nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("advance: %v", err)
	}
	for _, err := range []error{m.core.Advance(nil), m.core.Err(), m.core.Propose(proposal([]Append{one("a")}), blobstore.Digest{}, 1)} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("afterwards: %v", err)
		}
	}
	if _, ok := m.core.Ready(); ok || m.core.Serving() {
		t.Error("goes on")
	}
}

// TestRaftPanics: a panic inside Raft is a fatal error.
func TestRaftPanics(t *testing.T) {
	m := newMachine(t, Limits{})
	m.must(m.core.Propose(proposal([]Append{one("a")}), blobstore.Digest{}, 1))
	m.flush()
	m.core.storage.MemoryStorage = raft.NewMemoryStorage() // entries are gone
	err := m.core.Advance(nil)
	if err == nil || !strings.Contains(err.Error(), "raft") || !errors.Is(m.core.Err(), err) {
		t.Errorf("advance: %v", err)
	}
}

func TestInvalidProposals(t *testing.T) {
	m := newMachine(t, Limits{})
	bad := []Append{
		{}, {Entries: -1}, {Entries: 1, Log: []byte{}}, {Entries: 1, Log: make([]byte, 129)},
		{Entries: 1, Producer: []byte{}, Seq: 1}, {Entries: 1, Producer: make([]byte, 65), Seq: 1},
		{Entries: 1, Producer: []byte("p")}, {Entries: 1, Producer: []byte("p"), Seq: 1 << 63},
	}
	for i, a := range bad {
		if err := m.core.Propose(proposal([]Append{one("a"), a}), blobstore.Digest{}, 1); !errors.Is(err, ErrProposal) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := m.core.Propose(new(Proposal), blobstore.Digest{}, 1); !errors.Is(err, ErrProposal) {
		t.Errorf("empty: %v", err)
	}
	m.expect([]Append{one("a")}, appended(1))
}

// TestOutOfTurn: apply takes only the next proposal of a node's newest start.
func TestOutOfTurn(t *testing.T) {
	m := newMachine(t, Limits{})
	m.restart()
	var skipped []bool
	m.decided = func(d *Decision) { skipped = append(skipped, d.Skipped) }
	for _, h := range []header{{node: 1, incarnation: 1, seq: 1}, {node: 1, incarnation: 2, seq: 2}, {node: 5, seq: 1}, {node: 1, incarnation: 2, seq: 1}} {
		p := proposal([]Append{one("a")})
		m.must(p.seal(blobstore.Digest{}, 1, m.core.number))
		m.must(m.core.propose(p.append(appendHeader(nil, KindBatch, &h))))
		m.settle()
	}
	if want := []bool{true, true, true, false}; len(skipped) != 4 || skipped[0] != want[0] || skipped[1] != want[1] || skipped[2] != want[2] || skipped[3] != want[3] {
		t.Errorf("skipped: %v", skipped)
	}
	m.idle()
	hash := m.core.wholeHash()
	c, err := restored(m.options, m.db, m.disk)
	if err != nil || c.wholeHash() != hash {
		t.Errorf("another state after replay: %v", err)
	}
}

// TestCompaction: Raft keeps what Retain says and whatever isn't decided and written.
func TestCompaction(t *testing.T) {
	m := &machine{t: t, options: Options{Node: 1, Retain: 10_000}, db: &database{}}
	m.core = New(m.options)
	m.start()
	for i := range 500 {
		if i == 250 {
			m.core.storage.retain = 1
		}
		m.propose(1, one("a"))
		s := m.core.storage
		if first, _ := s.FirstIndex(); first != s.first || first > m.core.WrittenDecided()+1 {
			t.Fatalf("first is %d, %d by sizes; written %d", first, s.first, m.core.WrittenDecided())
		}
		if s.bytes > s.retain+s.retain/4+1000 {
			t.Fatalf("%d bytes are kept", s.bytes)
		}
	}
	m.restart()
	m.expect([]Append{one("a")}, appended(501))
}

func TestOtherNodesData(t *testing.T) {
	m := newMachine(t, Limits{})
	m.idle()
	c, err := restored(Options{Node: 2}, m.db, m.disk)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err == nil {
		t.Error("node 2 starts with node 1's data")
	}
}

// TestReplayNotices: decided frames that don't follow are refused.
func TestReplayNotices(t *testing.T) {
	m := newMachine(t, Limits{})
	for range 3 {
		m.propose(1, one("a"))
		m.idle()
	}
	var decided [][]byte
	for _, f := range m.disk {
		if f.decided != nil {
			decided = append(decided, f.decided)
		}
	}
	replayAll := func(frames [][]byte) (err error) {
		c := New(m.options)
		for _, f := range frames {
			err = errors.Join(err, c.ReplayDecided(f, nil))
		}
		return err
	}
	if err := replayAll(decided); err != nil {
		t.Fatal(err)
	}
	if replayAll(decided[1:]) == nil || replayAll(append(decided[:2:2], decided[3:]...)) == nil {
		t.Error("a gap is not noticed")
	}
	for i := range decided[1] {
		spoilt := append([]byte(nil), decided[1]...)
		spoilt[i] ^= 1
		if replayAll([][]byte{decided[0], spoilt}) == nil {
			t.Errorf("a flipped bit in byte %d is not noticed", i)
		}
	}
}
