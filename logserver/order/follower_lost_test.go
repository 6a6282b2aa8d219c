package order

import (
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// TestFollowersFilesAlone: each file of a follower can be replayed alone, from its checkpoint
// on, though what it decides was ordered in another; its seal has what was decided in it.
func TestFollowersFilesAlone(t *testing.T) {
	files := 0
	for seed := range uint64(10) {
		l := newLed(t, seed)
		l.run(25)
		var c *Core
		var records []byte
		for _, f := range l.disk {
			if c != nil {
				l.must(replay(c, f))
				if f.decided != nil {
					records = append(records, f.decided[1:]...)
				}
			}
			if f.seal == nil {
				continue
			}
			if c != nil {
				files++
				l.must(c.Agrees(f.checkpoint))
				s, err := ReadSeal(f.seal)
				l.must(err)
				if s.Rest != nil {
					records = append(records, s.Rest[1:]...)
				}
				got, err := s.Records(func(offset int64) (blobstore.Digest, error) { return l.places[offset], nil })
				l.must(err)
				if string(got[1:]) != string(records) {
					t.Fatalf("seed %d: the seal repeats other records than its file has", seed)
				}
			}
			c, records = New(l.options), nil
			l.must(c.LoadOpening(f.checkpoint))
		}
	}
	if files < 100 {
		t.Errorf("%d files", files)
	}
}

// TestFollowerBehindLoss loses a frame anywhere on a follower's disk. What is behind makes
// it know again what it had ordered, or it takes no part any more.
func TestFollowerBehindLoss(t *testing.T) {
	var known, faulty int
	for seed := range uint64(60) {
		l := newLed(t, seed)
		l.run(12)
		for n := range l.disk {
			for what := range 3 {
				f := l.disk[n]
				c := New(l.options)
				for _, before := range l.disk[:n] {
					l.must(replay(c, before))
				}
				switch {
				case what == 0 && f.decided != nil:
					l.must(c.ReplayLost(false, false))
					f.decided = nil
				case what == 1 && f.state != nil:
					l.must(c.ReplayLost(false, true))
					f.state = nil
				case what == 2 && len(f.order) > 0:
					i := l.r.IntN(len(f.order))
					l.must(replay(c, flush{decided: f.decided, state: f.state, order: f.order[:i]}))
					l.must(c.ReplayLost(true, false))
					f = flush{order: f.order[i+1:]}
				default:
					continue
				}
				err := l.behind(c, append([]flush{f}, l.disk[n+1:]...))
				if err == nil {
					err = c.Conclude(nil)
				}
				switch want := l.stands[len(l.stands)-1]; {
				case err != nil:
					t.Fatalf("seed %d, flush %d, loss %d: %v", seed, n, what, err)
				case c.Faulty() != nil:
					faulty++
				default:
					known++
					var ordered []string
					for _, e := range c.restore.entries {
						ordered = append(ordered, name(e))
					}
					hard, err := c.restoredState()
					l.must(err)
					if c.Applied() > want.written || !slices.Equal(ordered, want.ordered[c.Applied():]) ||
						hard.term != want.hard.term || hard.vote != want.hard.vote {
						t.Fatalf("seed %d, flush %d, loss %d: decided %d, ordered %v, %+v; want %d, %v, %+v",
							seed, n, what, c.Applied(), ordered, hard, want.written, want.ordered[want.written:], want.hard)
					}
				}
			}
		}
	}
	if known < 500 || faulty < 100 {
		t.Errorf("%d knew what was ordered, %d took no part", known, faulty)
	}
}

// behind replays what is behind a loss.
func (l *led) behind(c *Core, disk []flush) error {
	for _, f := range disk {
		seal, checkpoint := f.seal, f.checkpoint
		f.seal = nil
		if err := replay(c, f); err != nil {
			return err
		}
		if seal == nil {
			continue
		}
		err := c.ReplaySealed(seal, func(offset int64) (blobstore.Digest, bool) { d, ok := l.places[offset]; return d, ok }, nil)
		if err != nil {
			return err
		}
		if err := c.ReplayOpening(checkpoint, nil, func(Range) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// TestOrderedForgotten: a checkpoint without what was ordered is found out when frames that
// follow it are there.
func TestOrderedForgotten(t *testing.T) {
	m := follower(t)
	entries := newLed(t, 1).log
	m.must(m.core.Step(m.raft(1, founded3(entries))))
	m.settle()
	m.entries(1, 1, 3, 1, entry(4, 1, ""), entry(5, 1, ""))
	if r, _ := m.core.Ready(); r.Decided != nil {
		m.write(r)
		m.advance()
	}
	replay := len(m.disk)
	cp, ok := m.core.Checkpoint()
	if !ok || len(cp.Ordered) != 2 {
		t.Fatalf("%d frames are ordered, ok %v", len(cp.Ordered), ok)
	}
	m.entries(1, 1, 5, 1, entry(6, 1, ""))
	for forget, want := range map[bool]string{false: "", true: "missing"} {
		db := (&database{}).save(&cp, replay)
		if forget {
			db.ordered = nil
		}
		c, err := restored(m.options, db, m.disk)
		m.must(err)
		if err := c.Start(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("forgotten %v: %v", forget, err)
		}
	}
}
