package index

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"
)

var errWindow = errors.New("a window's rows have a gap")

// windowChunk is how many rows of a window are read in one transaction.
const windowChunk = 4096

// Window calls fn for each row of a window as of the last Flush, in ascending
// order; the value is valid during the call. It stops at fn's first error and
// returns it. Other errors wrap ErrBroken.
func (x *Index) Window(name string, fn func(n uint64, value []byte) error) error {
	if x.store == nil {
		return nil
	}
	is := x.header.windows[name]
	var values [][]byte
	for is.first < is.next {
		chunk := span{is.first, min(is.next, is.first+windowChunk)}
		err := x.store.view(x.gen, func(v view) (err error) {
			values, err = v.window(name, chunk, values[:0])
			return err
		})
		if err != nil {
			return x.breaks(x.gen, fmt.Errorf("read window %q: %w", name, err))
		}
		for i, value := range values {
			if err := fn(is.first+uint64(i), value); err != nil {
				return err
			}
		}
		is.first = chunk.next
	}
	return nil
}

// window appends copies of the values of rows is.first to is.next-1.
func (v view) window(name string, is span, values [][]byte) ([][]byte, error) {
	b := v.Bucket(bucketWindows)
	if b == nil {
		return values, errGap
	}
	c := b.Cursor()
	want := windowKey(name, is.first)
	key, sealed := c.Seek(want)
	for n := is.first; n < is.next; n++ {
		binary.BigEndian.PutUint64(want[len(want)-8:], n)
		if string(key) != string(want) {
			return values, errGap
		}
		value, ok := v.salt.open(key, sealed)
		if !ok {
			return values, errRow
		}
		values = append(values, slices.Clone(value))
		key, sealed = c.Next()
	}
	return values, nil
}

// windowKey is the name's length, the name, and the number, big-endian.
func windowKey(name string, n uint64) []byte {
	key := append([]byte{byte(len(name))}, name...)
	return binary.BigEndian.AppendUint64(key, n)
}

// keep takes over what a checkpoint says about its windows until it is in the
// file, since a caller has new rows once only, and a full disk may delay them.
func (x *Index) keep(windows []Window) error {
	for _, w := range windows {
		if len(w.Name) > 255 {
			return fmt.Errorf("name of window %.20q… is too long", w.Name)
		}
		kept := x.keeping(w.Name)
		kept.First = max(kept.First, w.First)
		for _, r := range w.Rows {
			if err := x.keepRow(kept, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// keeping returns what is kept of a window; valid until the next call.
func (x *Index) keeping(name string) *Window {
	for i := range x.unsaved {
		if x.unsaved[i].Name == name {
			return &x.unsaved[i]
		}
	}
	x.unsaved = append(x.unsaved, Window{Name: name, First: x.header.windows[name].first})
	return &x.unsaved[len(x.unsaved)-1]
}

func (x *Index) keepRow(kept *Window, r WindowRow) error {
	is := x.header.windows[kept.Name]
	end := is.next
	if n := len(kept.Rows); n > 0 {
		end = max(end, kept.Rows[n-1].N+1)
	}
	switch {
	case r.N < kept.First:
		return nil // not wanted any more
	case r.N > end && end > kept.First:
		return fmt.Errorf("window %q: row %d after %d: %w", kept.Name, r.N, end-1, errWindow)
	}
	r.Value = slices.Clone(r.Value)
	at, found := slices.BinarySearchFunc(kept.Rows, r.N, func(k WindowRow, n uint64) int { return cmp.Compare(k.N, n) })
	switch {
	case found:
		kept.Rows[at] = r
	case r.N >= end || is.first <= r.N && r.N < is.next: // a new one, or in place of one in the file
		kept.Rows = slices.Insert(kept.Rows, at, r)
	default:
		return fmt.Errorf("window %q: row %d was never in it: %w", kept.Name, r.N, errWindow)
	}
	return nil
}

// after is the span of a window when w is written.
func (w *Window) after(is span) span {
	rows := w.wanted()
	switch {
	case is.next > w.First && is.first < is.next: // some of the old ones stay
		is.first = max(is.first, w.First)
	case len(rows) > 0:
		is = span{rows[0].N, rows[0].N}
	default:
		return span{max(is.next, w.First), max(is.next, w.First)}
	}
	if len(rows) > 0 {
		is.next = max(is.next, rows[len(rows)-1].N+1) // replacing a row moves no end
	}
	return is
}

// wanted are the rows from First on.
func (w *Window) wanted() []WindowRow {
	n := 0
	for n < len(w.Rows) && w.Rows[n].N < w.First {
		n++
	}
	return w.Rows[n:]
}

// putWindows writes what is kept, and removes what is out of each window.
func (s *store) putWindows(tx *bbolt.Tx, windows []Window, was map[string]span) error {
	b, err := tx.CreateBucketIfNotExists(bucketWindows)
	if err != nil {
		return err
	}
	b.FillPercent = 1
	for i := range windows {
		w := &windows[i]
		is := was[w.Name]
		for n := is.first; n < min(is.next, w.First); n++ {
			if err := b.Delete(windowKey(w.Name, n)); err != nil {
				return err
			}
		}
		for _, r := range w.wanted() {
			key := windowKey(w.Name, r.N)
			value := s.salt.seal(slices.Clone(r.Value), 0, key)
			if err := b.Put(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// windowsAfter are the spans when all that is kept has been written.
func (x *Index) windowsAfter() map[string]span {
	spans := maps.Clone(x.header.windows)
	for i := range x.unsaved {
		w := &x.unsaved[i]
		spans[w.Name] = w.after(spans[w.Name])
	}
	return spans
}
