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
	for range patience {
		m.must(m.core.Tick(1))
	}
	answer := append(appendUvarints([]byte{messageVersion}, m.options.Start), 1)
	for _, from := range []uint64{1, 2} {
		m.must(m.core.Step(Message{from, m.options.Node, MessageWelcome, answer}))
	}
	m.must(m.core.Tick(1))
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

// TestLastVoterStays: the last voter can't leave, and a change that isn't valid when it is
// applied is a recorded no-op.
func TestLastVoterStays(t *testing.T) {
	m := newMachine(t, Limits{})
	if err := m.core.Leave(1); !errors.Is(err, ErrMembers) {
		t.Errorf("leave: %v", err)
	}
	if err := m.core.Join(1); !errors.Is(err, ErrMembers) {
		t.Errorf("join: %v", err)
	}
	var skipped []bool
	m.decided = func(d *Decision) {
		if d.Kind == KindMember {
			skipped = append(skipped, d.Skipped)
		}
	}
	for _, cc := range []*pb.ConfChangeV2{
		{Changes: []*pb.ConfChangeSingle{change(pb.ConfChangeRemoveNode, 1)}},
		{Changes: []*pb.ConfChangeSingle{change(pb.ConfChangeAddNode, 2)}}, // two voters
		{Changes: []*pb.ConfChangeSingle{change(pb.ConfChangeAddLearnerNode, 1)}},
		{Changes: []*pb.ConfChangeSingle{change(pb.ConfChangeAddLearnerNode, 2)}},
	} {
		m.must(m.core.proposeChange(cc))
		m.settle()
	}
	if !slices.Equal(skipped, []bool{true, true, true, false}) {
		t.Errorf("skipped: %v", skipped)
	}
	m.expect([]Append{one("a")}, appended(1))
	check := func(c *Core) {
		if got := c.Members(); !slices.Equal(got.Voters, []uint64{1}) || !slices.Equal(got.Learners, []uint64{2}) || got.Version != 1 {
			t.Errorf("members: %+v", got)
		}
	}
	check(m.core)
	m.idle()
	for _, save := range []bool{false, true} {
		if save {
			m.checkpoint()
		}
		c, err := restored(m.options, m.db, m.disk)
		m.must(err)
		check(c)
		if c.wholeHash() != m.core.wholeHash() {
			t.Error("another state after replay")
		}
	}
}

// TestDistrusted: a node whose newest Raft state is damaged answers no candidate and no
// leader, and doesn't become either.
func TestDistrusted(t *testing.T) {
	for _, distrust := range []bool{false, true} {
		m := &machine{t: t, options: Options{Node: 3, Join: true, Start: 7}, db: &database{}}
		m.core = New(m.options)
		if distrust {
			m.core.Distrust(errors.New("damaged"))
		}
		m.must(m.core.Start())
		if distrust {
			if err := m.core.Faulty(); !errors.Is(err, ErrFaulty) {
				t.Errorf("faulty: %v", err)
			}
			for range 50 {
				m.must(m.core.Tick(1))
			}
		} else {
			m.welcome()
		}
		m.core.Messages()
		m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgVote.Enum(), Term: new(uint64(5)), Index: new(uint64(9)), LogTerm: new(uint64(4))})))
		m.settle()
		voted := slices.ContainsFunc(m.core.Messages(), func(m Message) bool { return m.Kind == MessageRaft })
		if voted == distrust {
			t.Errorf("distrusted %v, voted %v", distrust, voted)
		}
	}
}

// TestForgotten: what a node has forgotten that others know of it is found out.
func TestForgotten(t *testing.T) {
	c := newMachine(t, Limits{}).core
	c.state.node(3).incarnation, c.state.node(3).seq = 5, 0
	c.state.node(4).incarnation, c.state.node(4).seq = 5, 9
	c.remember(2, 7, 50)
	c.remember(2, 7, 40)
	c.remember(2, 6, 90)
	for _, test := range []struct {
		id uint64
		m  memory
		ok bool
	}{
		{2, memory{term: 7, last: 50}, true},
		{2, memory{term: 7, last: 49}, false},
		{2, memory{term: 6, last: 90}, false},
		{2, memory{term: 8, last: 10}, true}, // a newer leader may have cut its log
		{3, memory{incarnation: 5}, true},
		{3, memory{incarnation: 4}, true}, // it never learnt that its start was ordered
		{3, memory{incarnation: 3}, false},
		{4, memory{incarnation: 4}, false}, // it has proposed since
		{4, memory{incarnation: 5}, true},
		{9, memory{}, true},
	} {
		if err := c.forgotten(test.id, &test.m); (err == nil) != test.ok {
			t.Errorf("node %d, %+v: %v", test.id, test.m, err)
		}
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

// FuzzStep: no bytes of a message do any harm; what isn't one is ErrMessage. Raft's own
// are believed: who has a certificate of the cluster's doesn't lie.
func FuzzStep(f *testing.F) {
	f.Add(byte(MessageProposal), appendHeader(nil, KindIncarnation, &header{node: 2, incarnation: 1}))
	f.Add(byte(MessageRefused), refusal{1, 1}.append(nil))
	f.Add(byte(MessageHello), memory{1, 2, 3, 4}.append(nil))
	f.Add(byte(MessageWelcome), []byte{1, 7, 1})
	f.Add(byte(MessageKept), kept{1, 2}.append(nil))
	f.Add(byte(MessageRecords), []byte{1, 1, 0})
	f.Add(byte(MessagePull), Pull{1, 9}.append(nil))
	f.Add(byte(MessageWant), (&Want{Digest: blobstore.Digest{1}, Log: 1, Index: 2}).append(nil))
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		m := newMachine(t, Limits{})
		m.core.lead = 0 // so that records are looked at
		k := MessageKind(kind%(byte(messageKinds)-1) + 2)
		err := m.core.Step(Message{2, 1, k, payload})
		if err != nil && !errors.Is(err, ErrMessage) {
			t.Fatal(err)
		}
		if p, err := ReadPull(payload); err == nil {
			if again, err := ReadPull(p.append(nil)); err != nil || again != p {
				t.Fatalf("%+v again: %+v, %v", p, again, err)
			}
		}
		if w, err := ReadWant(payload); err == nil {
			if again, err := ReadWant(w.append(nil)); err != nil || again != w {
				t.Fatalf("%+v again: %+v, %v", w, again, err)
			}
		}
		_ = SplitDecided(payload, func(uint64, []byte) error { return nil })
		m.core.leading, m.core.lead = true, 1
		if err := m.core.Tick(1); err != nil {
			t.Fatal(err)
		}
		for m.core.Err() == nil && m.flush() {
			if err := m.core.Advance(nil); err != nil && !errors.Is(err, errInstall) && !errors.Is(err, ErrUnknown) {
				t.Fatal(err)
			}
		}
	})
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
