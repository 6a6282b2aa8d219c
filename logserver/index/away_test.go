package index

import (
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// shuttle is a model of which some content is away, and comes.
type shuttle struct {
	*model
	away  map[uint64]blobstore.Away // by decision
	moves []move
}

// move is content that has come.
type move struct {
	row      *Row
	to       blobstore.Place
	decision uint64
	flushed  bool
}

// decide decides about content that may be away.
func (s *shuttle) decide(x *Index) {
	applied, rows := s.model.decide(7)
	if s.rnd.Intn(2) == 0 {
		x.Add(applied, rows)
		return
	}
	a := blobstore.Away{Digest: blobstore.Sum(fmt.Append(nil, applied))}
	for range s.rnd.Intn(3) {
		a.Holders = append(a.Holders, s.rnd.Uint64()>>s.rnd.Intn(64))
	}
	for i := range rows {
		rows[i].Place = blobstore.Place{}
		of := s.logs[rows[i].Log]
		for j := range of {
			if of[j].First == rows[i].First {
				of[j].Place = blobstore.Place{}
			}
		}
	}
	s.away[applied] = a
	x.AddAway(applied, rows, a)
}

// move has the content of some decision come.
func (s *shuttle) move(x *Index) {
	for decision := range s.away {
		for _, r := range s.decisions[decision-1] {
			m := move{s.row(r.Log, r.First), blobstore.Place{Segment: 9, Offset: s.rnd.Int63(), Length: 7}, decision, false}
			m.row.Place = m.to
			if !x.Moved(r.Log, r.First, m.to) {
				s.t.Fatalf("row %v could not be moved", r)
			}
			if x.Moved(r.Log, r.Last()+1000, m.to) {
				s.t.Fatal("what isn't there was moved")
			}
			s.moves = append(s.moves, m)
		}
		return
	}
}

func (s *shuttle) row(log uint32, first uint64) *Row {
	of := s.logs[log]
	for i := range of {
		if of[i].First == first {
			return &of[i]
		}
	}
	return nil
}

// flush flushes, and notes which moves are in the file.
func (s *shuttle) flush(x *Index) {
	s.model.flush(x)
	cp, _ := x.Checkpoint()
	for i := range s.moves {
		s.moves[i].flushed = s.moves[i].flushed || s.moves[i].decision <= cp.Applied
	}
}

// restart opens the index anew, as a start does: what came after the checkpoint is read again.
func (s *shuttle) restart(x *Index, path string) *Index {
	s.t.Helper()
	if err := x.Close(); err != nil {
		s.t.Fatal(err)
	}
	x = mustOpen(s.t, path, Options{})
	cp, _ := x.Checkpoint()
	for i := cp.Applied; i < uint64(len(s.decisions)); i++ {
		if a, ok := s.away[i+1]; ok {
			x.AddAway(i+1, s.decisions[i], a)
		} else {
			x.Add(i+1, s.decisions[i])
		}
	}
	for _, m := range s.moves {
		if !m.flushed {
			x.Moved(m.row.Log, m.row.First, m.to)
		}
	}
	return x
}

// check compares everything, and where content is.
func (s *shuttle) check(x *Index) {
	s.t.Helper()
	s.model.check(x)
	for decision, want := range s.away {
		for _, r := range s.decisions[decision-1] {
			away, ok, err := x.Away(r.Log, r.First)
			if is := s.row(r.Log, r.First).Place.IsAway(); err != nil || ok != is || ok && !reflect.DeepEqual(away, want) {
				s.t.Fatalf("row %v: %v, %v, %v, want %v, %v", r, away, ok, err, want, is)
			}
		}
	}
}

// What is away is known to be, until it comes; and what has come stays, whatever is flushed
// and started meanwhile.
func TestAway(t *testing.T) {
	for seed := range int64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := &shuttle{model: newModel(t, seed), away: map[uint64]blobstore.Away{}}
			path := filepath.Join(t.TempDir(), "index.db")
			x := mustOpen(t, path, Options{})
			for range 40 {
				for range 1 + s.rnd.Intn(20) {
					s.decide(x)
					if s.rnd.Intn(2) == 0 {
						s.move(x)
					}
				}
				s.check(x)
				switch s.rnd.Intn(3) {
				case 0:
					s.flush(x)
				case 1:
					s.flush(x)
					x = s.restart(x, path)
				case 2:
					x = s.restart(x, path)
				}
				s.check(x)
			}
		})
	}
}

// An index in memory knows the same.
func TestAwayInMemory(t *testing.T) {
	s := &shuttle{model: newModel(t, 3), away: map[uint64]blobstore.Away{}}
	x := mustOpen(t, "", Options{})
	for range 200 {
		s.decide(x)
		s.move(x)
	}
	s.check(x)
}

// A row without a place, of which nobody says where it is, breaks the index: it is no row.
func TestARowThatIsNowhere(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"), Options{})
	x.Add(1, []Row{{Log: 1, First: 1, Count: 2}})
	isBroken(t, x.Err())
}
