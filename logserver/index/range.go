package index

import (
	"cmp"
	"errors"
	"fmt"
	"sort"

	"go.etcd.io/bbolt"
)

var errGap = errors.New("a row is missing")

// Range appends to dst up to max rows of a log: the one that covers the index
// from, or the log's first if from is before it, and those after it, without
// gap. Fewer, or none, are returned only at the log's end. What is not in
// memory is read in one transaction, so asking for many rows at a time is what
// makes catching up fast. An error wraps ErrBroken, unless the index is
// closed; dst then has the rows before it.
func (x *Index) Range(log uint32, from uint64, dst []Row, max int) ([]Row, error) {
	for end := len(dst) + max; len(dst) < end; {
		before := len(dst)
		rows, s, err := x.recent(log, from, dst, end)
		dst = rows
		if err != nil || !s.inFile {
			return dst, err
		}
		dst, err = x.stored(s, dst, end)
		if x.changed.Load() {
			x.mu.RLock()
			x.over.apply(dst[before:])
			x.mu.RUnlock()
		}
		if err == nil {
			from = dst[len(dst)-1].Last() + 1
		} else if !errors.Is(err, errStale) {
			return dst, err
		}
	}
	return dst, nil
}

// A sight is what a reader saw of a log when it looked.
type sight struct {
	log    uint32
	from   uint64
	inFile bool // from is there, not in memory
	span        // in the file
	gen    uint64
}

// recent appends rows from memory, if from is there.
func (x *Index) recent(log uint32, from uint64, dst []Row, end int) ([]Row, sight, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	t := x.logs[log]
	if t == nil {
		return dst, sight{}, nil
	}
	from = max(from, t.first)
	switch {
	case from > t.head && t.gap:
		return dst, sight{}, fmt.Errorf("%w: log %d after %d: %w", ErrBroken, log, t.head, errGap)
	case from < t.next:
		return dst, sight{log: log, from: from, inFile: true, span: t.span, gen: x.gen}, nil
	}
	before, rows := len(dst), t.rows[find(t.rows, from):]
	for i := range rows[:min(len(rows), end-len(dst))] {
		dst = append(dst, rows[i].Row)
	}
	x.over.apply(dst[before:])
	return dst, sight{}, nil
}

// stored appends rows from the file: at least one, or there is an error.
// errStale: the index was discarded meanwhile; look again.
func (x *Index) stored(s sight, dst []Row, end int) ([]Row, error) {
	err := x.store.view(s.gen, func(v view) (err error) {
		dst, err = v.rows(s, dst, end)
		return err
	})
	return dst, x.readFailed(s, err)
}

func (x *Index) readFailed(s sight, err error) error {
	if err == nil || errors.Is(err, errStale) {
		return err
	}
	if broken := x.Err(); errors.Is(err, errClosed) {
		return errors.Join(broken, err)
	}
	return x.breaks(s.gen, fmt.Errorf("read rows of log %d: %w", s.log, err))
}

// AtTime returns the first index of a log whose time is t (nanoseconds since
// 1970) or later; false if there is none. Errors are those of Range.
func (x *Index) AtTime(log uint32, t int64) (first uint64, ok bool, err error) {
	for {
		s, inMemory := x.recentAt(log, t)
		if !s.inFile {
			return inMemory, inMemory != 0, nil
		}
		err = x.store.view(s.gen, func(v view) (err error) {
			first, err = v.atTime(s, t)
			return err
		})
		if err = x.readFailed(s, err); err == nil {
			first = cmp.Or(first, inMemory)
			return first, first != 0, nil
		}
		if !errors.Is(err, errStale) {
			return 0, false, err
		}
	}
}

// recentAt returns the first index in memory with time t or later, 0 if there
// is none; and whether one in the file may come before it.
func (x *Index) recentAt(log uint32, t int64) (s sight, index uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	l := x.logs[log]
	if l == nil {
		return sight{}, 0
	}
	n := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].Time >= t })
	if n < len(l.rows) {
		index = l.rows[n].First
	}
	inFile := n == 0 && l.first < l.next
	return sight{log: log, inFile: inFile, span: l.span, gen: x.gen}, index
}

// A view is a read transaction on the file.
type view struct {
	*bbolt.Tx
	salt salt
}

// cursor is over the rows.
func (v view) cursor() (*bbolt.Cursor, error) {
	b := v.Bucket(bucketRows)
	if b == nil {
		return nil, errGap
	}
	return b.Cursor(), nil
}

// rows appends the rows from s.from on, until dst is full or the span's end.
func (v view) rows(s sight, dst []Row, end int) ([]Row, error) {
	c, err := v.cursor()
	if err != nil {
		return dst, err
	}
	r, err := v.covering(c, s.log, s.from)
	for ; err == nil; r, err = v.following(c, r) {
		dst = append(dst, r)
		if len(dst) == end || r.Last()+1 == s.next {
			return dst, nil
		}
	}
	return dst, err
}

// covering moves the cursor to the row that has an index.
func (v view) covering(c *bbolt.Cursor, log uint32, index uint64) (Row, error) {
	want := rowKey(log, index)
	key, value := c.Seek(want[:])
	switch {
	case key == nil:
		key, value = c.Last()
	case string(key) != string(want[:]):
		key, value = c.Prev()
	}
	r, err := v.parse(key, value)
	if err == nil && (r.Log != log || r.First > index || r.Last() < index) {
		err = errGap
	}
	return r, err
}

// following moves the cursor to the row after r of the same log.
func (v view) following(c *bbolt.Cursor, r Row) (Row, error) {
	next, err := v.parse(c.Next())
	if err == nil && (next.Log != r.Log || next.First != r.Last()+1) {
		err = errGap
	}
	return next, err
}

func (v view) parse(key, value []byte) (Row, error) {
	if key == nil {
		return Row{}, errGap
	}
	return v.salt.parseRow(key, value, nil)
}

// atTime returns the first index in the file with time t or later, or 0.
// Times never go back, so it is found by halving.
func (v view) atTime(s sight, t int64) (found uint64, err error) {
	c, err := v.cursor()
	if err != nil {
		return 0, err
	}
	for low, high := s.first, s.next; low < high; {
		r, err := v.covering(c, s.log, low+(high-low)/2)
		if err != nil {
			return 0, err
		}
		if r.Time >= t {
			found, high = r.First, r.First
		} else {
			low = r.Last() + 1
		}
	}
	return found, nil
}
