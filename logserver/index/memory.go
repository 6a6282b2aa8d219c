package index

import (
	"fmt"
	"slices"
	"unsafe"
)

// A held row is in memory and not known to be in the file.
type held struct {
	Row
	applied uint64
}

// A tail is what the index knows of one log: the span that is in the file, and
// behind it the rows that are not.
type tail struct {
	log  uint32
	span        // in the file
	head uint64 // index of the last entry, in memory or file
	gap  bool   // what follows could not be added
	rows []held // in ascending order without gap, the first at span.next; never changed in place
}

// Add takes the rows of one decision, of the Raft entry applied, in the order
// of decisions; a log's rows follow each other without gap. Rows that are
// known already are passed over, so that replaying more than necessary is
// harmless. A gap breaks the index. Rows are copied.
func (x *Index) Add(applied uint64, rows []Row) {
	var gap error
	x.mu.Lock()
	x.applied = max(x.applied, applied)
	for i := range rows {
		if r := &rows[i]; !x.add(r) && gap == nil {
			gap = fmt.Errorf("log %d: row of %d+%d doesn't follow", r.Log, r.First, r.Count)
		}
	}
	gen := x.gen
	x.mu.Unlock()
	if gap != nil {
		_ = x.breaks(gen, gap) // who uses the index next is told
	}
}

// add requires mu. It is false for a row that can't be.
func (x *Index) add(r *Row) bool {
	t := x.logs[r.Log]
	if t == nil {
		first := max(r.First, 1)
		t = &tail{log: r.Log, span: span{first, first}, head: first - 1}
		x.logs[r.Log] = t
	}
	switch {
	case r.valid() && r.First == t.head+1 && (!r.Place.IsAway() || x.over.away[rowID{r.Log, r.First}] != nil):
		x.append(t, r)
	case !r.valid() || r.Last() > t.head:
		t.gap = true
		return false
	}
	return true
}

func (x *Index) append(t *tail, r *Row) {
	if x.store != nil {
		if len(t.rows) == 0 {
			x.dirty = append(x.dirty, t)
		}
		x.rows++
	}
	t.rows = append(t.rows, held{*r, x.applied})
	t.head = r.Last()
}

// Pending is how many bytes of memory rows take that wait to be written; none
// wait in an index that is in memory only.
func (x *Index) Pending() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.store == nil {
		return 0
	}
	return int64(x.rows)*int64(unsafe.Sizeof(held{})) + x.over.size()
}

// A portion is what one flush writes of one log.
type portion struct {
	*tail
	rows []held
}

// portions returns the rows up to the Raft entry applied, in order of logs, and what is to be
// known beyond them.
func (x *Index) portions(applied uint64) ([]portion, overlay) {
	x.mu.RLock()
	over := x.over.clone()
	portions := make([]portion, 0, len(x.dirty))
	for _, t := range x.dirty {
		if n := written(t.rows, applied); n > 0 {
			portions = append(portions, portion{t, t.rows[:n]})
		}
	}
	x.mu.RUnlock()
	slices.SortFunc(portions, func(a, b portion) int { return int(int64(a.log) - int64(b.log)) })
	return portions, over
}

// written counts the rows of entries up to applied.
func written(rows []held, applied uint64) int {
	n, _ := slices.BinarySearchFunc(rows, applied, func(r held, applied uint64) int {
		if r.applied <= applied {
			return -1
		}
		return 1
	})
	return n
}

// release drops from memory what is now in the file. A reader sees a row in
// either place: the file has it before memory gives it up.
func (x *Index) release(portions []portion, over *overlay, moved map[rowID]bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over.drop(over, portions, moved)
	x.changed.Store(len(x.over.moved) > 0)
	for _, p := range portions {
		t := p.tail
		t.next = p.rows[len(p.rows)-1].Last() + 1
		t.rows = slices.Clone(t.rows[len(p.rows):]) // a copy, to let go of the large array
		x.rows -= len(p.rows)
	}
	x.dirty = slices.DeleteFunc(x.dirty, func(t *tail) bool { return len(t.rows) == 0 })
}

// find returns where the row is that covers an index, or would be.
func find(rows []held, index uint64) int {
	n, _ := slices.BinarySearchFunc(rows, index, func(r held, index uint64) int {
		if r.Last() < index {
			return -1
		}
		return 1
	})
	return n
}
