package sim

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver/order"
)

// calm runs a conversation with a cluster of three that nothing happens to but what the
// conversation does, and checks everything at its end.
func calm(t *testing.T, talk func(w *world)) {
	t.Helper()
	r := run(7, Options{Quiet: true}, func(w *world) {
		w.found()
		for _, name := range []string{"c", "d"} {
			w.clients = append(w.clients, &client{w: w, name: name, done: true})
		}
		talk(w)
		if w.failure == nil {
			w.recover()
		}
	})
	if r.Err != nil {
		t.Fatal(r.String())
	}
}

// append has a node asked for an append; got is called with its answer.
func (w *world) append(n *node, entry string, seq uint64, got func(answer)) {
	o := &op{client: &client{name: "a"}, kind: opNumbered, log: "main", entries: []string{entry}, seq: seq, asked: w.now}
	w.oracle.begin(o)
	n.ask(&request{op: o, answer: got})
}

func (w *world) head(n *node, got func(uint64)) {
	n.ask(&request{op: &op{kind: opHead, log: "main"}, answer: func(a answer) { got(a.head) }})
}

// other returns a node that doesn't lead.
func (w *world) other() *node {
	l := w.leader()
	for _, id := range w.ids {
		if id != l.id {
			return w.nodes[id]
		}
	}
	return nil
}

// cutOff cuts a node off from all others.
func (w *world) cutOff(n *node) {
	w.net.cut = map[[2]uint64]bool{}
	for _, id := range w.ids {
		w.net.cut[[2]uint64{id, n.id}] = true
		w.net.cut[[2]uint64{n.id, id}] = true
	}
}

// TestProposalLost: a proposal that is lost between node and leader is ordered once when
// the network is back; so are those behind it, in their order.
func TestProposalLost(t *testing.T) {
	calm(t, func(w *world) {
		w.until("service", func() bool { return w.leader() != nil && w.other().core.Serving() })
		n, l := w.other(), w.leader()
		answers := map[uint64]uint64{}
		w.net.cut = map[[2]uint64]bool{{n.id, l.id}: true}
		for seq := uint64(1); seq <= 3; seq++ {
			w.append(n, "a-"+string(rune('0'+seq)), seq, func(a answer) { answers[seq] = a.outcome.First })
			w.run(w.now+20*time.Millisecond, nil)
		}
		if len(answers) > 0 {
			t.Errorf("answered %v", answers)
		}
		w.net.cut = nil
		w.append(n, "a-4", 4, func(a answer) { answers[4] = a.outcome.First })
		w.until("answers", func() bool { return len(answers) == 4 })
		for seq, index := range answers {
			if index != seq {
				t.Errorf("append %d is at %d", seq, index)
			}
		}
	})
}

// TestDeposedLeaderAsked: a leader that is cut off and doesn't know yet that there is
// another tells nobody a head; when it is back it tells the newest.
func TestDeposedLeaderAsked(t *testing.T) {
	calm(t, func(w *world) {
		w.until("service", func() bool { return w.leader() != nil })
		l := w.leader()
		w.cutOff(l)
		told := uint64(0)
		w.head(l, func(h uint64) { told = h })
		if !l.core.Serving() {
			t.Error("it knows already")
		}
		w.until("another leader", func() bool {
			n := w.leader()
			return n != nil && n != l || w.ids[0] == l.id && w.nodes[2].core.Serving() && w.nodes[2].core.Leader() != l.id
		})
		appended := false
		n := w.other()
		if n == l {
			n = w.leader()
		}
		w.until("service by others", n.core.Serving)
		w.append(n, "a-1", 1, func(a answer) { appended = a.outcome.First == 1 })
		w.until("an append by others", func() bool { return appended })
		if told != 0 {
			t.Fatalf("told %d while it was cut off", told)
		}
		w.heal()
		w.until("an answer", func() bool { return told != 0 })
		if told != 1 {
			t.Errorf("told %d", told)
		}
	})
}

// TestSameContentTwice: two nodes take the same entry at the same time; it is ordered twice,
// and its bytes, which may be stored once, are found both times.
func TestSameContentTwice(t *testing.T) {
	calm(t, func(w *world) {
		w.until("service", func() bool { return w.leader() != nil && w.other().core.Serving() })
		answers := 0
		for range 3 {
			for _, id := range w.ids {
				o := &op{client: &client{}, kind: opPlain, log: "third", entries: []string{"same"}}
				w.nodes[id].ask(&request{op: o, answer: func(a answer) { answers++ }})
			}
			w.run(w.now+time.Second, nil)
		}
		if answers != 9 {
			t.Errorf("%d answers", answers)
		}
		w.verify()
	})
}

// TestOtherSettings: nodes that were started with other settings decide as the cluster was
// founded to.
func TestOtherSettings(t *testing.T) {
	calm(t, func(w *world) {
		for _, n := range w.nodes {
			n.limits = order.Limits{Keys: int(n.id), Logs: 1 + int(n.id), Producers: int(n.id), Outcomes: int(n.id)}
		}
		for _, id := range []uint64{2, 3} {
			w.stop(w.nodes[id], false)
		}
		w.until("everybody to be up", func() bool { return w.allUp() && w.leader() != nil })
		for _, c := range w.clients {
			c.done = false
			w.after(0, c.begin)
		}
		w.run(w.now+3*time.Second, nil)
		want := w.nodes[1].core.Settings()
		for _, n := range w.nodes {
			if got := n.core.Settings(); got.Limits != want.Limits || got.Limits.Producers != 1001 {
				t.Errorf("node %d decides by %+v", n.id, got.Limits)
			}
		}
	})
}

// TestOldCopy: a node whose disk is an old copy doesn't vote, whether the others remember
// what it said or have themselves started since.
func TestOldCopy(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		calm(t, func(w *world) {
			w.until("service", func() bool { return w.leader() != nil })
			w.calm = true
			w.oldCopy(restarts)
			if w.report.Faulty != 1 {
				t.Errorf("%d nodes found out", w.report.Faulty)
			}
		})
	}
}

// TestOldCopyIsSlowlyFoundOut: a leader that is slow to answer is waited for, since only who leads
// may know what a node with an old copy of its disk had acknowledged.
func TestOldCopyIsSlowlyFoundOut(t *testing.T) {
	calm(t, func(w *world) {
		w.until("service", func() bool { return w.leader() != nil && w.other().core.Serving() })
		w.calm = true
		l, n := w.leader(), w.other()
		files, db := n.disk.files.Kill(), n.db
		w.serve("after a copy was made")
		w.stop(n, true)
		n.disk.files, n.db, n.old = synced(files), db, true
		w.until("the node to start", func() bool { return n.up })
		l.frozen = true
		w.run(w.now+800*time.Millisecond, nil)
		l.thaw()
		w.run(w.now+3*time.Second, nil)
		if err := n.core.Faulty(); !errors.Is(err, order.ErrFaulty) {
			t.Errorf("it takes part with an old copy of its disk: %v", err)
		}
		w.replace(n.id, 0)
		w.until("the node to be replaced", func() bool { return n.gone })
	})
}

// crashAfterVote cuts a node's power when it has voted, before it has stored anything else.
func (w *world) crashAfterVote() {
	w.found()
	w.until("service", func() bool { return w.leader() != nil })
	l := w.leader()
	w.cutOff(l)
	var voter *node
	w.until("another leader", func() bool {
		for _, n := range w.nodes {
			if n != l && n.core.Leader() != n.id {
				voter = n
			}
		}
		return slices.ContainsFunc(w.ids, func(id uint64) bool { return id != l.id && w.nodes[id].core.Leader() == id })
	})
	w.stop(voter, true)
	w.until("it to start", w.allUp)
	w.run(w.now+3*time.Second, nil)
	w.recover()
}

// TestVoteIsKept: a vote outlives a power cut, so the node is trusted when it starts.
func TestVoteIsKept(t *testing.T) {
	for seed := range uint64(20) {
		if r := run(seed, Options{Quiet: true}, (*world).crashAfterVote); r.Err != nil {
			t.Fatal(r.String())
		}
	}
}

// TestLeaverKnowsNothingThatIsNotWritten: a node that knows for good that it has left is needed by
// nobody, whatever power cuts do to those who stay.
func TestLeaverKnowsNothingThatIsNotWritten(t *testing.T) {
	for seed := range uint64(20) {
		r := run(seed, Options{Nodes: 2, Quiet: true}, func(w *world) {
			w.found()
			w.clients = append(w.clients, &client{w: w, name: "c", done: true})
			w.until("service", func() bool { return w.leader() != nil })
			n := w.nodes[1]
			w.leave(n.id)
			w.until("it to have left", func() bool {
				return n.gone || !n.core.Members().Has(n.id) && !n.core.PendingDecided()
			})
			for _, id := range []uint64{1, 2} {
				w.stop(w.nodes[id], true)
			}
			w.recover()
		})
		if r.Err != nil {
			t.Fatal(r.String())
		}
	}
}

// TestSameSeed: a seed is a run.
func TestSameSeed(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := Run(seed, Options{}), Run(seed, Options{})
		if a.String() != b.String() || a.Events != b.Events || a.Messages != b.Messages || !reflect.DeepEqual(a.History, b.History) {
			t.Errorf("seed %d: %d events and %d messages, %d and %d", seed, a.Events, a.Messages, b.Events, b.Messages)
		}
	}
}

// TestLedgerNotices: each kind of harm to what was acknowledged is noticed.
func TestLedgerNotices(t *testing.T) {
	var keep *world
	r := run(3, Options{Quiet: true}, func(w *world) {
		keep = w
		w.whole()
	})
	if r.Err != nil {
		t.Fatal(r.String())
	}
	n, other := keep.nodes[1], keep.nodes[2]
	id, _, _ := n.core.Log([]byte("main"))
	good := slices.Clone(n.logs[id])
	for want, harm := range map[string]func(log []string) []string{
		"":             func(log []string) []string { return log },
		"is at 0":      func(log []string) []string { return log[:len(log)-1] },
		"twice":        func(log []string) []string { log[4] = log[3]; return log },
		"acknowledged": func(log []string) []string { log[3], log[4] = log[4], log[3]; return log },
		"differ":       nil,
		"was refused":  func(log []string) []string { return append(log, "refused") },
	} {
		n.logs[id] = slices.Clone(good)
		other.logs[id] = n.logs[id]
		o := &op{log: "main", entries: []string{"refused"}}
		if keep.oracle.ops = append(keep.oracle.ops, o); want == "was refused" {
			keep.oracle.refuse(o)
		}
		if harm != nil {
			n.logs[id] = harm(n.logs[id])
			for _, other := range keep.nodes {
				other.logs[id] = n.logs[id]
			}
		} else {
			n.logs[id] = n.logs[id][1:]
		}
		err := keep.oracle.final()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
