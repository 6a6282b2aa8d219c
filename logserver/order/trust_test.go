package order

import (
	"errors"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
)

// TestLastVoterStays: the last voter can't leave, and a change that isn't valid when it is
// applied is a recorded no-op.
func TestLastVoterStays(t *testing.T) {
	m := newMachine(t, Limits{})
	if err := m.core.Leave(1); !errors.Is(err, ErrMembers) {
		t.Errorf("leave: %v", err)
	}
	if err := m.core.Join(1, nil); !errors.Is(err, ErrMembers) {
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
		m.must(m.core.proposeChange(cc, &fact{}))
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

// TestWaitedFor: everybody's answer is waited for half a second, beginning with the first one,
// and that of who leads as long as a voter says so.
func TestWaitedFor(t *testing.T) {
	m := &machine{t: t, options: Options{Node: 3, Join: true, Start: 7}, db: &database{}}
	m.core = New(m.options)
	m.must(m.core.Start())
	m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgHeartbeat.Enum()})))
	m.core.state.members.Voters = []uint64{1, 2, 4}
	wait := func(ticks int) {
		for range ticks {
			if m.core.takesPart() {
				t.Fatal("takes part too soon")
			}
			m.must(m.core.Tick(1))
		}
	}
	says := func(from, lead uint64) {
		m.must(m.core.Step(Message{from, 3, MessageWelcome, welcome{start: m.options.Start, lead: lead}.append(nil)}))
	}
	wait(3 * patience) // nobody hears it
	says(2, 1)
	wait(3 * patience) // who leads is slow
	says(2, 0)
	if m.core.Tick(1); !m.core.takesPart() {
		t.Fatal("still waits for one that leads no more")
	}
}

// TestLeaderKnowsBetter: a node that passed its probation all the same, and is told of entries that
// it has acknowledged and hasn't got, takes no part any more.
func TestLeaderKnowsBetter(t *testing.T) {
	m := follower(t)
	m.entries(1, 1, 0, 0, entry(1, 1, ""), entry(2, 1, ""))
	beat := func(commit uint64) {
		m.must(m.core.Step(m.raft(1, &pb.Message{Type: pb.MsgHeartbeat.Enum(), Term: new(uint64(1)), Commit: new(commit)})))
		m.settle()
	}
	if beat(2); m.core.Faulty() != nil {
		t.Fatal(m.core.Faulty())
	}
	if beat(3); !errors.Is(m.core.Faulty(), ErrFaulty) {
		t.Errorf("faulty: %v", m.core.Faulty())
	}
	if beat(4); m.core.takesPart() || m.core.Serving() {
		t.Error("takes part")
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
