package order

import (
	"bytes"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// TestCheckpointFrameAheadOfHardState: the checkpoint that a file begins with knows of a
// later term, vote and commit than the state frames do that are left.
func TestCheckpointFrameAheadOfHardState(t *testing.T) {
	m := newMachine(t, Limits{})
	m.propose(1, one("a"))
	for range 3 {
		m.restart() // raises the term
	}
	m.propose(2, one("a"))
	m.turn()
	term, disk := m.core.flushed.term, bytes.Clone(m.disk[0].state)
	for i := range m.disk {
		m.disk[i].state = nil
	}
	m.disk[0].state = disk // of the first term
	c, err := restored(m.options, m.db, m.disk)
	m.must(err)
	if want := m.core.flushed; c.restore.hard != want {
		t.Errorf("restored %+v, was %+v", c.restore.hard, want)
	}
	other := &machine{t: t, core: c}
	other.start()
	if c.flushed.term != term+1 {
		t.Errorf("goes on in term %d after %d", c.flushed.term, term)
	}
	other.expect([]Append{one("a")}, appended(3))
}

// TestFileAlone: from its checkpoint, decided frames and seal a file can be replayed
// without the ones before it, up to what the next file begins with.
func TestFileAlone(t *testing.T) {
	m := newMachine(t, Limits{Keys: 3, Producers: 2, Outcomes: 5})
	for file := range 4 {
		first := len(m.disk)
		for i := range uint64(5) {
			n := uint64(file)*5 + i + 1
			m.propose(int64(n), one("a"), numbered("b", "p", n), keyed("c", string(rune('a'+n)), "x"), numbered("b", "q", 9))
		}
		m.turn()
		if file == 0 {
			continue
		}
		c := New(m.options)
		m.must(c.LoadOpening(m.disk[first-1].checkpoint))
		heads := map[string]uint64{}
		see := func(d *Decision) error {
			for _, r := range d.Runs {
				if heads[r.Name] != 0 && r.First != heads[r.Name]+1 {
					t.Errorf("log %s goes on at %d", r.Name, r.First)
				}
				heads[r.Name] = r.First + uint64(r.Count) - 1
			}
			return nil
		}
		for _, f := range m.disk[first:] {
			if f.decided != nil {
				m.must(c.ReplayDecided(f.decided, see))
			}
			if f.seal != nil {
				m.must(c.ReplaySeal(f.seal, see))
				m.must(c.ReplayCheckpoint(f.checkpoint))
				opening, err := ReadOpening(f.checkpoint)
				m.must(err)
				for _, l := range opening.Logs {
					if l.Head != heads[l.Name] {
						t.Errorf("file %d ends at %d of %s, the next one begins behind %d", file, heads[l.Name], l.Name, l.Head)
					}
				}
				if opening.Chain != m.core.state.chain || opening.Applied != m.core.Applied() {
					t.Errorf("the opening %+v is not at %d", opening, m.core.Applied())
				}
			}
		}
		if c.Start() == nil {
			t.Error("a file alone has been started")
		}
	}
}

// TestSpoiltTurns: a seal or a checkpoint that isn't of what comes before it is refused.
func TestSpoiltTurns(t *testing.T) {
	m := newMachine(t, Limits{})
	m.propose(1, one("a"))
	m.turn()
	first := m.disk[len(m.disk)-1]
	m.propose(2, one("a"))
	m.propose(3, one("a"))
	m.turn()
	last := len(m.disk) - 1
	for what, harm := range map[string]func(disk []flush){
		"a seal that is missing":           func(disk []flush) { disk[last].seal = []byte{1} },
		"the seal of another file":         func(disk []flush) { disk[last].seal = first.seal },
		"frames missing before checkpoint": func(disk []flush) { disk[last-1] = flush{} },
		"another checkpoint":               func(disk []flush) { disk[last].checkpoint = append(bytes.Clone(first.checkpoint), 0) },
		"a flipped bit in the chain": func(disk []flush) {
			c := bytes.Clone(disk[last].checkpoint)
			disk[last].checkpoint = appendSum(append(c[:8:8], append([]byte{c[8] ^ 1}, c[9:len(c)-4]...)...), 0)
		},
	} {
		disk := append([]flush(nil), m.disk...)
		harm(disk)
		if _, err := restored(m.options, m.db, disk); err == nil {
			t.Errorf("%s: not found", what)
		}
	}
}

// FuzzSeal: any bytes are a seal or malformed; what it repeats is read or refused, and
// what is read can be written as rows again.
func FuzzSeal(f *testing.F) {
	m := small(f)
	m.propose(2, after("a", 9), one("c"), numbered("b", "q", 2))
	m.turn()
	f.Add(m.disk[len(m.disk)-1].seal)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadSeal(data)
		if err != nil {
			return
		}
		digest := func(offset int64) (blobstore.Digest, error) { return blobstore.Digest{byte(offset)}, nil }
		_, _ = s.Records(digest)
		// The same, whatever the chain says.
		var rows, encoding, decoding rowState
		r := reader{b: s.rows}
		for i := range s.Count {
			rec, err := rows.decode(&r, s.First+i, digest)
			if err != nil {
				return
			}
			row := encoding.append(nil, rec, 0)
			back, err := decoding.decode(&reader{b: row}, s.First+i, digest)
			if err != nil || !bytes.Equal(back.append(nil), rec.append(nil)) {
				t.Fatalf("row %d again: %v", i, err)
			}
		}
	})
}
