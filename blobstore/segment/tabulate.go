package segment

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
)

// sortRows is how many rows are sorted at a time: what making a table needs of memory.
const sortRows = 1 << 19

// errStop ends the making of a table that is not wanted any more.
var errStop = errors.New("stopped")

// Tabulate makes the table of digests of one segment that has ended and has no good one;
// false: each has one. It may be called by one goroutine at a time, beside all else.
// Tables make Find quick, and nothing else needs them. After each small piece of work
// Tabulate calls pause, and gives up if that returns false. An error is not final: only
// that table was not made.
func (s *Store) Tabulate(pause func() bool) (bool, error) {
	for _, file := range s.ended() {
		if s.tabulated(&file) {
			continue
		}
		err := s.makeTable(&file, pause)
		if errors.Is(err, errStop) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("make %s: %w", tableName(file.head.number), err)
		}
		s.tabled.set(file.head.number, true)
		return true, nil
	}
	return false, nil
}

// tabulated tells whether a segment has a table that seems good.
func (s *Store) tabulated(file *segment) bool {
	if good, known := s.tabled.is(file.head.number); known {
		return good
	}
	t, err := openTable(s.fs, file)
	if err != nil {
		return false
	}
	s.tabled.set(file.head.number, true)
	_ = t.file.Close() // it was only read
	return true
}

// ended returns all files but the newest.
func (s *Store) ended() []segment {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := len(s.files) - 1
	return s.files[:n:n]
}

func (s *Store) makeTable(file *segment, pause func() bool) (err error) {
	if file.end.Offset/frameAlign > maxAt {
		return nil // no row could name what lies so far behind
	}
	d, err := newDraft(s.fs, tableName(file.head.number), tableBlock)
	if err != nil {
		return err
	}
	w := &tableWriter{table: table{salt: file.salt}, to: d.file}
	if err = s.writeRows(file, w, pause); err == nil {
		head := headOf(file)
		head.rows = w.total
		head.put(w.block[:])
		_, err = d.file.WriteAt(w.block[:], 0)
	}
	if err != nil {
		return errors.Join(full(err), d.abandon())
	}
	return errors.Join(d.publish(), d.file.Close())
}

// maxAt bounds where a frame begins that a row can name.
const maxAt = 1<<32 - 1

// writeRows writes the rows of a segment in their order. When there are too many to be
// sorted at once, it reads the segment several times.
func (s *Store) writeRows(file *segment, w *tableWriter, pause func() bool) error {
	c := collector{room: s.sortRows}
	for more := true; more; {
		c.rows, c.hasEnd = c.rows[:0], false
		if err := s.contents(file, c.add, pause); err != nil {
			return err
		}
		c.sort()
		for i, r := range c.rows {
			if err := w.add(r); err != nil {
				return err
			}
			if i%(16*blockRows) == 0 && !pause() {
				return errStop
			}
		}
		c.from, more = c.end, c.hasEnd
		c.begun = true
	}
	return w.flush()
}

// collector gathers the rows from one on, as many of the first ones as it has room for.
type collector struct {
	room   int // how many rows at a time
	rows   []row
	from   row // rows before are not wanted …
	begun  bool
	end    row // … nor this one and those behind …
	hasEnd bool
}

func (c *collector) add(offset int64, digests blobstore.Rows) bool {
	for i := range digests.Len() {
		d := digests.Digest(i)
		r := rowOf(&d, offset)
		if c.begun && r.compare(c.from) < 0 || c.hasEnd && r.compare(c.end) >= 0 {
			continue
		}
		if c.rows = append(c.rows, r); len(c.rows) >= c.room {
			c.shrink()
		}
	}
	return true
}

// shrink makes room: of equal digests it keeps one row, and if that isn't enough, it
// leaves the second half to another round.
func (c *collector) shrink() {
	c.sort()
	if n := len(c.rows) / 2; n >= c.room/4 {
		c.end, c.hasEnd = c.rows[n], true
		c.rows = c.rows[:n]
	}
}

// sort sorts the rows and keeps the first frame's of those with equal digests.
func (c *collector) sort() {
	slices.SortFunc(c.rows, func(a, b row) int {
		if n := a.compare(b); n != 0 {
			return n
		}
		return int(int64(a.at) - int64(b.at))
	})
	c.rows = slices.CompactFunc(c.rows, func(a, b row) bool { return a.compare(b) == 0 })
}

// contents calls fn with the rows of each content frame of a file, until fn returns
// false. It reads manifests alone: their checksums are not looked at. After each small
// piece of work it calls pause; errStop: that returned false.
func (s *Store) contents(file *segment, fn func(offset int64, digests blobstore.Rows) bool, pause func() bool) error {
	h, err := s.handles.acquire(file.head.number)
	if err != nil {
		return err
	}
	defer s.handles.release(h)
	w := window{file: h, end: file.end.Offset}
	worked := 0
	for at := int64(fileHeader); at < file.end.Offset; {
		head, digests, err := w.rows(file, at)
		if err != nil {
			return damaged(err, file.head.number)
		}
		if digests != nil && !fn(at, digests) {
			return nil
		}
		at += frameSize(head.length)
		if worked += frameHeader + len(digests); worked >= readAhead {
			if worked = 0; !pause() {
				return errStop
			}
		}
	}
	return nil
}

// rows reads a frame's header, and of a content frame the rows.
func (w *window) rows(file *segment, at int64) (head header, digests blobstore.Rows, err error) {
	p, err := w.get(at, at, frameHeader)
	if err != nil {
		return head, nil, err
	}
	head, ok := parseHeader(p, file.salt, at)
	if !ok {
		return head, nil, &flaw{offset: at, detail: "no frame begins here"}
	}
	if head.kind != KindContent || head.lost() || !head.understood() || head.length < blobstore.HeadSize {
		return head, nil, nil
	}
	if p, err = w.get(at, at+frameHeader, blobstore.HeadSize); err != nil {
		return head, nil, err
	}
	rows, content, err := blobstore.ReadHead(p)
	if err != nil || content > head.length {
		return head, nil, nil // not a manifest: nothing to be found in it
	}
	p, err = w.get(at, at+frameHeader+blobstore.HeadSize, rows)
	return head, blobstore.Rows(p), err
}
