package index

import (
	"fmt"
	"math/rand"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// A model is what the index must say: all rows of all decisions, in order.
type model struct {
	t         testing.TB
	rnd       *rand.Rand
	logs      map[uint32][]Row
	decisions [][]Row // [i] is that of Raft entry i+1
	time      int64
}

func newModel(t testing.TB, seed int64) *model {
	t.Logf("seed %d", seed)
	return &model{t: t, rnd: rand.New(rand.NewSource(seed)), logs: make(map[uint32][]Row)}
}

// decide makes the rows of the next decision.
func (m *model) decide(logs int) (applied uint64, rows []Row) {
	m.time += int64(m.rnd.Intn(3))
	place := blobstore.Place{Segment: 1 | m.rnd.Uint64()>>m.rnd.Intn(64), Offset: m.rnd.Int63(), Length: m.rnd.Uint32(), Content: m.rnd.Uint32() >> m.rnd.Intn(32)}
	ordinal := uint32(0)
	for range m.rnd.Intn(4) {
		log := uint32(1 + m.rnd.Intn(logs))
		r := Row{Log: log, First: m.head(log) + 1, Count: 1 + uint32(m.rnd.Intn(5)), Ordinal: ordinal, Time: m.time, Place: place}
		ordinal += r.Count
		m.logs[log] = append(m.logs[log], r)
		rows = append(rows, r)
	}
	m.decisions = append(m.decisions, rows)
	return uint64(len(m.decisions)), rows
}

func (m *model) head(log uint32) uint64 {
	if rows := m.logs[log]; len(rows) > 0 {
		return rows[len(rows)-1].Last()
	}
	return 0
}

func (m *model) want(log uint32, from uint64, n int) []Row {
	rows := m.logs[log]
	at := sort.Search(len(rows), func(i int) bool { return rows[i].Last() >= from })
	return rows[at:min(len(rows), at+n)]
}

// checkRange compares one Range.
func (m *model) checkRange(x *Index, log uint32, from uint64, n int) {
	m.t.Helper()
	got, err := x.Range(log, from, nil, n)
	if want := m.want(log, from, n); err != nil || !slices.Equal(got, want) {
		m.t.Fatalf("Range(%d, %d, %d) = %v, %v, want %v", log, from, n, got, err, want)
	}
}

func (m *model) checkTime(x *Index, log uint32, at int64) {
	m.t.Helper()
	rows := m.logs[log]
	n := sort.Search(len(rows), func(i int) bool { return rows[i].Time >= at })
	want := uint64(0)
	if n < len(rows) {
		want = rows[n].First
	}
	if got, ok, err := x.AtTime(log, at); err != nil || got != want || ok != (want != 0) {
		m.t.Fatalf("AtTime(%d, %d) = %d, %v, %v, want %d", log, at, got, ok, err, want)
	}
}

// check compares everything.
func (m *model) check(x *Index) {
	m.t.Helper()
	for log, rows := range m.logs {
		m.checkRange(x, log, 0, len(rows)+1)
	}
	for range 20 {
		log := uint32(m.rnd.Intn(8))
		m.checkRange(x, log, uint64(m.rnd.Int63n(int64(m.head(log)+3))), 1+m.rnd.Intn(10))
		m.checkTime(x, log, m.rnd.Int63n(m.time+3)-1)
	}
}

func checkpoint(applied uint64) Checkpoint {
	return Checkpoint{
		Cluster: [16]byte{1}, Node: [16]byte{2}, Applied: applied, Term: applied / 3,
		Replay: Replay{Segment: applied, Offset: int64(applied * 8)}, State: fmt.Appendf(nil, "state of %d", applied),
	}
}

// replay adds what a start reads again after the checkpoint; a little more does no harm.
func (m *model) replay(x *Index) {
	cp, ok := x.Checkpoint()
	if ok && string(cp.State) != string(checkpoint(cp.Applied).State) {
		m.t.Fatalf("state of %d is %q", cp.Applied, cp.State)
	}
	from := cp.Applied - min(cp.Applied, uint64(m.rnd.Intn(3)))
	for i := from; i < uint64(len(m.decisions)); i++ {
		x.Add(i+1, m.decisions[i])
	}
}

func mustOpen(t testing.TB, path string, o Options) *Index {
	t.Helper()
	x, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func TestModel(t *testing.T) {
	for seed := range int64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, seed)
			path := filepath.Join(t.TempDir(), "index.db")
			x := mustOpen(t, path, Options{})
			for range 60 {
				for range m.rnd.Intn(30) {
					x.Add(m.decide(7))
				}
				switch m.rnd.Intn(3) {
				case 0:
					m.flush(x)
				case 1:
					m.flush(x)
					x = m.restart(x, path)
				case 2:
					x = m.restart(x, path)
				}
				m.check(x)
			}
		})
	}
}

// flush flushes up to a random decision not before the last checkpoint.
func (m *model) flush(x *Index) {
	m.t.Helper()
	cp, _ := x.Checkpoint()
	applied := cp.Applied + uint64(m.rnd.Int63n(int64(uint64(len(m.decisions))-cp.Applied+1)))
	if err := x.Flush(checkpoint(applied)); err != nil {
		m.t.Fatal(err)
	}
	if got, ok := x.Checkpoint(); !ok || got.Applied != applied || got.Replay != checkpoint(applied).Replay {
		m.t.Fatalf("checkpoint %v, %v after a flush of %d", got, ok, applied)
	}
}

func (m *model) restart(x *Index, path string) *Index {
	m.t.Helper()
	if err := x.Close(); err != nil {
		m.t.Fatal(err)
	}
	x = mustOpen(m.t, path, Options{Cluster: [16]byte{1}, Node: [16]byte{2}})
	if x.Rebuilt() != "" {
		m.t.Fatalf("sound file discarded: %s", x.Rebuilt())
	}
	m.replay(x)
	return x
}

func TestMemoryOnly(t *testing.T) {
	m := newModel(t, 1)
	x := mustOpen(t, "", Options{})
	for range 500 {
		x.Add(m.decide(7))
	}
	if err := x.Flush(checkpoint(400)); err != nil || x.Pending() != 0 {
		t.Fatal(err, x.Pending())
	}
	m.check(x)
	if _, ok := x.Checkpoint(); ok {
		t.Fatal("a checkpoint without a file")
	}
}

func TestDiscard(t *testing.T) {
	m := newModel(t, 1)
	path := filepath.Join(t.TempDir(), "index.db")
	x := mustOpen(t, path, Options{})
	for range 3 {
		for range 300 {
			x.Add(m.decide(7))
		}
		m.flush(x)
		if err := x.Discard(); err != nil {
			t.Fatal(err)
		}
		if rows, err := x.Range(1, 1, nil, 1); len(rows) > 0 || err != nil || x.Pending() != 0 {
			t.Fatal(rows, err)
		}
		if _, ok := x.Checkpoint(); ok {
			t.Fatal("a checkpoint after Discard")
		}
		m.replay(x)
		m.check(x)
	}
}

func TestPendingIsWhatWaits(t *testing.T) {
	m := newModel(t, 1)
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"), Options{})
	for range 100 {
		x.Add(m.decide(7))
	}
	if x.Pending() == 0 {
		t.Fatal("nothing pending")
	}
	if err := x.Flush(checkpoint(100)); err != nil || x.Pending() != 0 {
		t.Fatal(err, x.Pending())
	}
	if err := x.Flush(checkpoint(99)); err == nil || x.Err() != nil {
		t.Fatal("an older checkpoint:", err, x.Err())
	}
}

// somewhere is a place as good as any.
var somewhere = blobstore.Place{Segment: 1, Offset: 4096, Length: 100, Content: 48}

func TestGapBreaks(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"), Options{})
	x.Add(1, []Row{{Log: 1, First: 1, Count: 2, Place: somewhere}})
	x.Add(2, []Row{{Log: 1, First: 4, Count: 1, Place: somewhere}})
	if rows, err := x.Range(1, 1, nil, 5); len(rows) != 1 || err != nil {
		t.Fatal(rows, err)
	}
	_, err := x.Range(1, 3, nil, 5)
	isBroken(t, err)
	isBroken(t, x.Err())
	isBroken(t, x.Flush(checkpoint(2)))
}
