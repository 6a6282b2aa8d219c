package order

import (
	"bytes"
	"errors"
	"testing"
)

// TestFacts: what is said about nodes is known after it was decided, after a replay, from a
// checkpoint, from a file alone; it goes with the member, and numbers don't come again.
func TestFacts(t *testing.T) {
	m := &machine{t: t, options: Options{Node: 1, About: []byte("one")}, db: &database{}}
	m.core = New(m.options)
	m.start()
	long := bytes.Repeat([]byte("x"), MaxAbout)
	if err := m.core.Join(2, append(long, 'x')); !errors.Is(err, ErrMembers) {
		t.Errorf("too much said: %v", err)
	}
	for id, about := range map[uint64][]byte{2: long, 3: nil, 7: []byte("seven")} {
		m.must(m.core.Join(id, about))
		m.settle()
	}
	m.turn()
	opening := m.disk[len(m.disk)-1].checkpoint
	check := func(what string, c *Core, seven string) {
		t.Helper()
		if c.NextNumber() != 8 || string(c.About(1)) != "one" || !bytes.Equal(c.About(2), long) ||
			c.About(3) != nil || string(c.About(7)) != seven {
			t.Errorf("%s: next %d, %q, %d bytes, %q, %q", what, c.NextNumber(), c.About(1), len(c.About(2)), c.About(3), c.About(7))
		}
	}
	check("live", m.core, "seven")
	m.must(m.core.Leave(7))
	m.settle()
	check("when it has left", m.core, "")
	m.turn()
	last := m.disk[len(m.disk)-1]
	c, err := restored(m.options, m.db, m.disk)
	m.must(err)
	check("replayed", c, "")
	m.checkpoint()
	c, err = restored(m.options, m.db, m.disk)
	m.must(err)
	check("from a checkpoint", c, "")
	alone := New(m.options)
	m.must(alone.LoadOpening(opening))
	check("from a file's beginning", alone, "seven")
	m.must(alone.ReplaySeal(last.seal, nil))
	m.must(alone.Agrees(last.checkpoint))
	sealed := New(m.options)
	m.must(sealed.LoadOpening(opening))
	m.must(sealed.ReplaySealed(last.seal, nil, nil))
	check("from a seal's rows", sealed, "")
	for _, id := range []uint64{2, 3} {
		m.must(m.core.Leave(id))
		m.settle()
	}
	m.idle() // so that it is alone when it starts
	m.options.About = []byte("one, moved")
	m.restart()
	if got := m.core.About(1); string(got) != "one, moved" {
		t.Errorf("after another start: %q", got)
	}
	m.options.About = nil
	m.restart()
	if got := m.core.About(1); string(got) != "one, moved" {
		t.Errorf("after a start that says nothing: %q", got)
	}
}

// TestNothingSaid: where nothing is said about nodes, all is written as before there were facts.
func TestNothingSaid(t *testing.T) {
	m := newMachine(t, Limits{})
	m.restart()
	m.turn()
	for _, f := range m.disk {
		for _, o := range f.order {
			e, err := decodeOrder(o)
			m.must(err)
			if d := e.GetData(); len(d) > 0 && d[0] != envelopeVersion {
				t.Errorf("entry %d has an envelope of version %d", e.GetIndex(), d[0])
			}
		}
		if f.checkpoint != nil && f.checkpoint[0] != checkpointVersion {
			t.Errorf("a checkpoint of version %d", f.checkpoint[0])
		}
	}
}

// TestNumbersOfThoseWhoNeverStarted: a number that was a member's doesn't come again, though
// its node has never started.
func TestNumbersOfThoseWhoNeverStarted(t *testing.T) {
	m := newMachine(t, Limits{})
	m.must(m.core.Join(5, nil))
	m.settle()
	m.must(m.core.Leave(5))
	m.settle()
	m.checkpoint()
	m.restart()
	if got := m.core.NextNumber(); got != 6 {
		t.Errorf("the next number is %d", got)
	}
}

// FuzzFacts: any bytes are a fact or malformed.
func FuzzFacts(f *testing.F) {
	f.Add((&fact{id: 3, replaces: 2, about: []byte("three")}).append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := reader{b: data}
		got := r.fact()
		if r.end("fact") != nil {
			return
		}
		again := reader{b: got.append(nil)}
		if back := again.fact(); again.bad || back.id != got.id || back.replaces != got.replaces || !bytes.Equal(back.about, got.about) {
			t.Fatalf("%+v again: %+v", got, back)
		}
	})
}
