package order

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/ringlog/ringlog/blobstore"
)

// follower returns a node that joined a cluster of three and has passed its probation;
// what it should know is given to it as messages from the others.
func follower(t *testing.T) *machine {
	m := &machine{t: t, options: Options{Node: 3, Join: true, Start: 7}, db: &database{}}
	m.core = New(m.options)
	m.must(m.core.Start())
	m.welcome()
	return m
}

func (m *machine) welcome() {
	m.t.Helper()
	m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgHeartbeat.Enum()})))
	for _, from := range []uint64{1, 2} {
		m.must(m.core.Step(Message{from, m.options.Node, MessageWelcome, welcome{start: m.options.Start}.append(nil)}))
	}
	for range patience {
		m.must(m.core.Tick(1))
	}
	if !m.core.takesPart() {
		m.t.Fatal("takes no part")
	}
}

// raft makes one of Raft's messages to the machine's node.
func (m *machine) raft(from uint64, r *pb.Message) Message {
	r.From, r.To = new(from), new(m.options.Node)
	payload, err := proto.Marshal(r)
	m.must(err)
	return Message{from, m.options.Node, MessageRaft, payload}
}

// entries gives the node entries from a leader of a term, behind one entry.
func (m *machine) entries(from, term, before, beforeTerm uint64, entries ...*pb.Entry) {
	m.t.Helper()
	m.must(m.core.Step(m.raft(from, &pb.Message{
		Type: pb.MsgApp.Enum(), Term: new(term), Index: new(before), LogTerm: new(beforeTerm), Entries: entries,
	})))
	m.settle()
}

func entry(index, term uint64, data string) *pb.Entry {
	return &pb.Entry{Type: pb.EntryNormal.Enum(), Index: new(index), Term: new(term), Data: []byte(data)}
}

// TestOverwrittenTwice: a follower is given 5/t2, then 5/t3, then 5/t2 again, as the
// leaders of three terms have it; its stream holds all of them, and the last one counts.
func TestOverwrittenTwice(t *testing.T) {
	m := follower(t)
	first := incarnationEntry(1)
	for i := range uint64(4) {
		m.entries(1, 1, i, min(i, 1), entry(i+1, 1, ""))
	}
	m.entries(1, 2, 4, 1, entry(5, 2, first))
	m.entries(2, 3, 4, 1, entry(5, 3, incarnationEntry(2)))
	m.entries(1, 4, 4, 1, entry(5, 2, first), entry(6, 4, ""))
	var stream []uint64
	for _, f := range m.disk {
		for _, o := range f.order {
			e, err := decodeOrder(o)
			m.must(err)
			if e.GetIndex() == 5 {
				stream = append(stream, e.GetTerm())
			}
		}
	}
	if !slices.Equal(stream, []uint64{2, 3, 2}) {
		t.Fatalf("terms of entry 5 in the stream: %d", stream)
	}
	c, err := restored(m.options, m.db, m.disk)
	m.must(err)
	last := c.restore.entries[len(c.restore.entries)-2]
	if last.GetIndex() != 5 || last.GetTerm() != 2 || !bytes.Equal(last.GetData(), []byte(first)) {
		t.Errorf("restored %v", last)
	}
	m.must(c.Start())
	if c.flushed.term != 4 {
		t.Errorf("goes on in term %d", c.flushed.term)
	}
}

// TestOrderWaitsForContent: entries whose content isn't here are not stored, nor
// acknowledged; when it comes, they are.
func TestOrderWaitsForContent(t *testing.T) {
	m := follower(t)
	has := false
	m.core.options.Has = func(blobstore.Digest) bool { return has }
	p := proposal([]Append{one("a")})
	m.must(p.seal(blobstore.Digest{1}, 1, func([]byte) uint32 { return 0 }))
	data := string(p.append(appendHeader(nil, KindBatch, &header{node: 2, incarnation: 1, seq: 1})))
	m.entries(1, 1, 0, 0, entry(1, 1, ""), entry(2, 1, data))
	m.entries(1, 1, 2, 1, entry(3, 1, ""))
	if n := len(m.core.held); n != 2 || m.core.storage.last() != 0 {
		t.Fatalf("%d messages wait, entries up to %d are stored", n, m.core.storage.last())
	}
	m.core.Messages()
	m.must(m.core.Tick(1))
	asked := slices.ContainsFunc(m.core.Messages(), func(m Message) bool {
		w, err := ReadWant(m.Payload)
		return m.Kind == MessageWant && err == nil && w.Digest == blobstore.Digest{1}
	})
	if !asked {
		t.Error("nobody was asked for the content")
	}
	has = true
	m.must(m.core.Arrived())
	m.settle()
	if m.core.storage.last() != 3 || len(m.core.held) != 0 {
		t.Errorf("entries up to %d are stored", m.core.storage.last())
	}
}

// TestLeadersTime: of another node's batch the leader's time counts.
func TestLeadersTime(t *testing.T) {
	p := proposal([]Append{one("a")})
	if err := p.seal(blobstore.Digest{1}, 1, func([]byte) uint32 { return 0 }); err != nil {
		t.Fatal(err)
	}
	data := p.append(appendHeader(nil, KindBatch, &header{node: 300, incarnation: 1, seq: 1, holders: []uint64{1, 300}}))
	want := bytes.Clone(data)
	restamp(data, 77)
	var e envelope
	if err := e.decode(data); err != nil || e.stamp != 77 || e.digest != p.digest {
		t.Errorf("%+v, %v", e, err)
	}
	restamp(data, 1)
	if !bytes.Equal(data, want) {
		t.Error("more than the time was changed")
	}
}

// TestSplitDecided: the pieces of a decided frame make the frame again.
func TestSplitDecided(t *testing.T) {
	m := newMachine(t, Limits{})
	m.propose(1, one("a"), one("b"))
	m.propose(2, one("a"))
	m.idle()
	var all [][]byte
	next := uint64(1)
	for _, f := range m.disk {
		if f.decided == nil {
			continue
		}
		var own [][]byte
		m.must(SplitDecided(f.decided, func(index uint64, record []byte) error {
			if index != next {
				t.Errorf("record %d where %d should be", index, next)
			}
			next++
			own = append(own, record)
			return nil
		}))
		if !bytes.Equal(JoinDecided(nil, own...), f.decided) {
			t.Error("the pieces don't make the frame")
		}
		all = append(all, own...)
	}
	c := New(Options{Node: 1})
	m.must(c.ReplayDecided(JoinDecided(nil, all...), nil))
	if c.wholeHash() != m.core.wholeHash() {
		t.Error("another state")
	}
}

// kinds returns the types of Raft's messages that may leave now.
func (m *machine) kinds() (list []pb.MessageType) {
	for _, out := range m.core.Messages() {
		if out.Kind == MessageRaft {
			var r pb.Message
			m.must(proto.Unmarshal(out.Payload, &r))
			list = append(list, r.GetType())
		}
	}
	return list
}

// TestNothingBeforeTheFlush: a vote and an acknowledgement leave when what they say is
// stored, and no sooner; so does everything when term or vote change.
func TestNothingBeforeTheFlush(t *testing.T) {
	m := follower(t)
	m.kinds()
	for _, test := range []struct {
		what  string
		given *pb.Message
		after pb.MessageType
	}{
		{"vote", &pb.Message{Type: pb.MsgVote.Enum(), Term: new(uint64(3)), Index: new(uint64(0)), LogTerm: new(uint64(0))}, pb.MsgVoteResp},
		{"entries", &pb.Message{Type: pb.MsgApp.Enum(), Term: new(uint64(3)), Entries: []*pb.Entry{entry(1, 3, "")}}, pb.MsgAppResp},
		{"heartbeat of a new term", &pb.Message{Type: pb.MsgHeartbeat.Enum(), Term: new(uint64(4))}, pb.MsgHeartbeatResp},
	} {
		m.must(m.core.Step(m.raft(1, test.given)))
		if !m.flush() {
			t.Fatalf("%s: nothing to flush", test.what)
		}
		if early := m.kinds(); len(early) > 0 {
			t.Errorf("%s: %v before the flush", test.what, early)
		}
		m.advance()
		if late := m.kinds(); !slices.Equal(late, []pb.MessageType{test.after}) {
			t.Errorf("%s: %v after the flush", test.what, late)
		}
	}
	m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgHeartbeat.Enum(), Term: new(uint64(4))})))
	m.flush()
	if now := m.kinds(); !slices.Equal(now, []pb.MessageType{pb.MsgHeartbeatResp}) {
		t.Errorf("heartbeat: %v at once", now)
	}
}

// TestFenced: a node that has started again elsewhere stops the one that was there.
func TestFenced(t *testing.T) {
	for what, kind := range map[string]Kind{"newer start": KindIncarnation, "same start": KindBatch} {
		m := newMachine(t, Limits{})
		h := &header{node: 1, incarnation: 2, seq: 1}
		data := appendHeader(nil, KindIncarnation, h)
		if kind == KindBatch {
			m.must(m.core.Propose(proposal([]Append{one("a")}), blobstore.Digest{1}, 1))
			m.core.pending.list[0].digest[0]++ // the other process's is ordered
		} else {
			m.must(m.core.propose(data))
		}
		m.flush()
		if err := m.core.Advance(nil); !errors.Is(err, errTwice) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestBusy: what is handed over is bounded, and told apart from a node that doesn't serve.
func TestBusy(t *testing.T) {
	m := newMachine(t, Limits{})
	var err error
	n := 0
	for ; err == nil && n < 2*maxPending; n++ {
		err = m.core.Propose(proposal([]Append{one("a")}), blobstore.Digest{byte(n)}, 1)
	}
	if !errors.Is(err, ErrBusy) || n != maxPending+1 {
		t.Errorf("proposal %d: %v", n, err)
	}
	m.settle()
	m.expect([]Append{one("a")}, appended(maxPending+1))
}

// TestPulledAhead: a node has pulled what is decided, but isn't among the members of that
// time, so that Raft begins at the first entry all the same. What is decided is not
// stored again as order, whose content may not be here; what follows is.
func TestPulledAhead(t *testing.T) {
	donor := newMachine(t, Limits{})
	donor.propose(1, after("a", 9)) // refused: nobody needs its content
	donor.idle()
	goal := donor.core.snapshot()
	applied := goal.GetMetadata().GetIndex()
	var records [][]byte
	var entries []*pb.Entry
	for _, f := range donor.disk {
		for _, o := range f.order {
			e, err := decodeOrder(o)
			donor.must(err)
			entries = append(entries, e)
		}
		if f.decided != nil {
			donor.must(SplitDecided(f.decided, func(_ uint64, r []byte) error {
				records = append(records, r)
				return nil
			}))
		}
	}
	m := follower(t)
	m.core.options.Has = func(blobstore.Digest) bool { return false }
	m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgSnap.Enum(), Term: new(uint64(1)), Snapshot: goal})))
	asked := slices.ContainsFunc(m.core.Messages(), func(m Message) bool {
		p, err := ReadPull(m.Payload)
		return m.Kind == MessagePull && err == nil && p == Pull{1, applied}
	})
	if !asked {
		t.Error("nothing was pulled")
	}
	for _, piece := range [][][]byte{records[:2], records[1:]} { // they may overlap
		m.must(m.core.Step(Message{2, 3, MessageRecords, JoinDecided(nil, piece...)}))
		m.settle()
	}
	if m.core.Applied() != applied || m.core.storage.last() != 0 || m.core.wholeHash() != donor.core.wholeHash() {
		t.Fatalf("applied %d of %d, Raft has entries up to %d", m.core.Applied(), applied, m.core.storage.last())
	}
	pulled := len(m.disk)
	m.entries(1, 1, 0, 0, append(entries, entry(applied+1, 1, ""))...)
	if m.core.storage.last() != applied+1 || len(m.core.held) != 0 {
		t.Errorf("Raft has entries up to %d", m.core.storage.last())
	}
	stored := 0
	for _, f := range m.disk[pulled:] {
		stored += len(f.order)
	}
	if stored != 1 {
		t.Errorf("%d order frames were stored", stored)
	}
	if got := m.core.inRaft.Voters; !slices.Equal(got, []uint64{1}) {
		m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgHeartbeat.Enum(), Term: new(uint64(1)), Commit: new(applied)})))
		m.settle()
		if got = m.core.inRaft.Voters; !slices.Equal(got, []uint64{1}) {
			t.Errorf("Raft's voters are %d", got)
		}
	}
	c, err := restored(m.options, m.db, m.disk)
	m.must(err)
	m.must(c.Start())
	if c.storage.last() != applied+1 {
		t.Errorf("after a restart Raft has entries up to %d", c.storage.last())
	}
}
