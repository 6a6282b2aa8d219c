package sim

import (
	"slices"
	"testing"
	"time"
)

// TestReplace: a dead voter keeps its vote in name until its replacement has caught up, which
// then has its vote and its seat; a replacement can itself be replaced before it has.
func TestReplace(t *testing.T) {
	calm(t, func(w *world) {
		w.until("service", func() bool { return w.leader() != nil && len(w.leader().core.Members().Voters) == 3 })
		l, old := w.leader(), w.other()
		old.up, old.dead, old.leaving = false, true, true
		for _, place := range [][2]uint64{{old.id, 4}, {4, 5}} { // 4 never comes
			id := place[1]
			if err := l.core.Replace(place[0], id, w.about(id)); err != nil {
				t.Fatal(err)
			}
			l.pump()
			w.until("a newcomer", func() bool { m := l.core.Members(); return m.Has(id) && !m.Joint() })
			if m := l.core.Members(); !slices.Contains(m.Voters, old.id) || len(m.Voters) != 3 || !slices.Equal(m.Learners, []uint64{id}) {
				t.Fatalf("members %+v", m)
			}
			if got := l.core.Replacing(old.id); got != id {
				t.Errorf("%d is to take the place of %d", got, old.id)
			}
		}
		if err := l.core.Replace(old.id, 6, nil); err == nil {
			t.Error("two take one place")
		}
		w.add(5, true)
		w.until("the place to be taken", func() bool { return !w.leader().core.Members().Has(old.id) && !w.leader().core.Members().Joint() })
		if m := w.leader().core.Members(); !slices.Contains(m.Voters, 5) || len(m.Voters) != 3 || len(m.Learners) > 0 {
			t.Errorf("members %+v", m)
		}
		if seat := w.leader().core.Seat(5); seat != old.id {
			t.Errorf("5 has seat %d", seat)
		}
		w.remove(old)
	})
}

// TestReplaceAtOnce: where another node can take the vote, who is replaced is out with the
// first change; so is who only copies.
func TestReplaceAtOnce(t *testing.T) {
	calm(t, func(w *world) {
		w.until("service", func() bool { return w.leader() != nil && len(w.leader().core.Members().Voters) == 3 })
		w.grow()
		w.until("a learner", func() bool { return w.leader().core.Members().Has(4) && w.nodes[4].core.Serving() })
		w.run(w.now+time.Second, nil)
		l, old := w.leader(), w.other()
		w.replaced(t, l, old.id, 5)
		if m := l.core.Members(); !slices.Contains(m.Voters, 4) || len(m.Voters) != 3 || !slices.Equal(m.Learners, []uint64{5}) {
			t.Fatalf("members %+v", m)
		}
		w.replaced(t, l, 5, 6)
		if m := l.core.Members(); !slices.Equal(m.Learners, []uint64{6}) || l.core.Seat(6) != old.id {
			t.Fatalf("members %+v, seat %d", m, l.core.Seat(6))
		}
	})
}

// replaced has a node replaced whose process has ended, and its replacement started.
func (w *world) replaced(t *testing.T, l *node, old, id uint64) {
	t.Helper()
	n := w.nodes[old]
	n.up, n.dead, n.leaving = false, true, true
	if err := l.core.Replace(old, id, w.about(id)); err != nil {
		t.Fatal(err)
	}
	l.pump()
	w.until("the change", func() bool { m := l.core.Members(); return m.Has(id) && !m.Joint() })
	if l.core.Members().Has(old) {
		t.Fatalf("%d is still there: %+v", old, l.core.Members())
	}
	w.remove(n)
	w.add(id, true)
}

// TestLeaderLeaves: a leader leaves three voters of which another has just died, which nobody
// knows yet. Who is left with the vote is the one that is there.
func TestLeaderLeaves(t *testing.T) {
	for dies := range 2 {
		calm(t, func(w *world) {
			w.until("service", func() bool { return w.leader() != nil && len(w.leader().core.Members().Voters) == 3 })
			l := w.leader()
			others := slices.DeleteFunc(slices.Clone(w.ids), func(id uint64) bool { return id == l.id })
			dead := w.nodes[others[dies]]
			dead.up, dead.dead, dead.leaving = false, true, true
			w.leave(l.id)
			w.until("the leader to leave", func() bool { return l.gone })
			stays := w.leader()
			if stays == nil || !slices.Equal(stays.core.Members().Voters, []uint64{others[1-dies]}) {
				t.Fatalf("%d dies, %d leaves: %s", dead.id, l.id, w.standing())
			}
			w.leave(dead.id)
			w.until("the dead one to leave", func() bool { return dead.gone })
		})
	}
}

// TestClockOff: a leader whose clock is off hands over, and the next one keeps the lead; half
// a minute is no reason.
func TestClockOff(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, 2 * time.Minute, 30 * time.Second} {
		calm(t, func(w *world) {
			w.until("service", func() bool { return w.leader() != nil && len(w.leader().core.Members().Voters) == 3 })
			first := w.leader()
			first.skew = off
			w.run(w.now+5*time.Second, nil)
			second := w.leader()
			if wrong := off != 30*time.Second; second == nil || (second != first) != wrong {
				t.Fatalf("off by %v: it was %[3]d that led: %[2]s", off, w.standing(), first.id)
			}
			if got := first.core.ClockOff() - off; got < -time.Second || got > time.Second {
				t.Errorf("off by %v, says %v", off, first.core.ClockOff())
			}
			w.run(w.now+20*time.Second, nil)
			if w.leader() != second {
				t.Errorf("off by %v: another leads", off)
			}
		})
	}
}
