package index

import (
	"fmt"
	"maps"

	"go.etcd.io/bbolt"

	"github.com/ringlog/ringlog/blobstore"
)

// Flush writes, in one transaction, the checkpoint and the rows in memory of
// entries up to cp.Applied, and gives up their memory. Add and Range go on
// meanwhile. cp and what it refers to is the caller's again on return.
//
// ErrNoSpace: the disk is full; rows, and those of windows, stay in memory, and
// the next Flush tries again with the file opened anew. An error that wraps
// ErrBroken, and it comes from every Flush from then on: the index goes on in
// memory only, and its file is gone. Another error is the caller's
// mistake (a checkpoint older than the last, a gap in a window): nothing was done.
func (x *Index) Flush(cp Checkpoint) error {
	switch {
	case x.store == nil:
		return nil
	case x.closed:
		return errClosed
	case cp.Applied < x.header.Applied:
		return fmt.Errorf("checkpoint of entry %d after that of %d", cp.Applied, x.header.Applied)
	}
	if err := x.Err(); err != nil {
		return err
	}
	if err := x.keep(cp.Windows); err != nil {
		return err
	}
	if err := x.ready(); err != nil {
		return err
	}
	portions, over := x.portions(cp.Applied)
	next := x.nextHeader(cp, portions)
	var moved map[rowID]bool
	err := x.store.update(next.room(portions, x.unsaved)+over.room(), func(tx *bbolt.Tx) (err error) {
		moved, err = x.store.put(tx, portions, &over, x.unsaved, x.header.windows, next)
		return err
	})
	if err != nil {
		return x.writeFailed(err)
	}
	next.State, next.flushed = nil, true
	x.header, x.unsaved = next, nil
	x.release(portions, &over, moved)
	return nil
}

func (x *Index) writeFailed(err error) error {
	err = fmt.Errorf("write index: %w", err)
	if noSpace(err) {
		x.reopen = true
		return err
	}
	return x.breaks(x.gen, err)
}

// ready opens the file anew if the disk was full. What bbolt left behind is
// not trusted: the file must be the one that was flushed last.
func (x *Index) ready() error {
	if !x.reopen {
		return nil
	}
	err := x.store.reopen()
	if noSpace(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	if err == nil && x.header.flushed {
		var h *header
		if h, err = x.store.header(); err == nil && (h.Applied != x.header.Applied || h.salt != x.header.salt) {
			err = fmt.Errorf("the file is of entry %d, not %d", h.Applied, x.header.Applied)
		}
	}
	if err != nil {
		return x.breaks(x.gen, fmt.Errorf("open index again: %w", err))
	}
	x.reopen = false
	return nil
}

// nextHeader describes the file as it will be.
func (x *Index) nextHeader(cp Checkpoint, portions []portion) header {
	next := header{Checkpoint: cp, salt: x.store.salt, logs: maps.Clone(x.header.logs), windows: x.windowsAfter()}
	next.Windows = nil
	for _, p := range portions {
		is, ok := next.logs[p.log]
		if !ok {
			is.first = p.rows[0].First
		}
		is.next = p.rows[len(p.rows)-1].Last() + 1
		next.logs[p.log] = is
	}
	return next
}

// room estimates how many bytes the file may grow: records with their
// overhead, the pages where each log ends, twice, and branches.
func (h *header) room(portions []portion, windows []Window) int64 {
	const record, ends, spare = 80, 2 * 4096, 256 << 10
	size := spare + len(h.State) + record*(len(h.logs)+len(h.windows)) + ends*len(portions)
	for _, p := range portions {
		size += record * len(p.rows)
	}
	for _, w := range windows {
		for _, r := range w.Rows {
			size += record + len(r.Value)
		}
	}
	return int64(size)
}

// room estimates how many bytes the file may grow for it: pages, where moved rows are far
// from each other.
func (o *overlay) room() int64 {
	return int64(len(o.away))*int64(maxAwaySize) + int64(len(o.moved))*2*4096
}

// put writes all of a flush, in the order of keys. It returns which rows were written that lie
// elsewhere now.
func (s *store) put(tx *bbolt.Tx, portions []portion, over *overlay, windows []Window, was map[string]span, h header) (moved map[rowID]bool, err error) {
	if err := s.putRows(tx, portions, over); err != nil {
		return nil, err
	}
	if moved, err = s.putMoved(tx, over, h.logs); err != nil {
		return nil, err
	}
	if err := s.putWindows(tx, windows, was); err != nil {
		return nil, err
	}
	b, err := tx.CreateBucketIfNotExists(bucketMeta)
	if err != nil {
		return nil, err
	}
	return moved, b.Put(headerKey, h.append(nil))
}

func (s *store) putRows(tx *bbolt.Tx, portions []portion, over *overlay) error {
	b, err := tx.CreateBucketIfNotExists(bucketRows)
	if err != nil {
		return err
	}
	b.FillPercent = 1 // rows are only ever appended, each log's behind its last
	var arena []byte  // bbolt keeps values until the transaction ends
	for _, p := range portions {
		for i := range p.rows {
			r := &p.rows[i].Row
			room, away := maxRowSize, (*blobstore.Away)(nil)
			if r.Place.IsAway() {
				room, away = maxAwaySize, over.away[rowID{r.Log, r.First}]
			}
			if cap(arena)-len(arena) < room {
				arena = make([]byte, 0, 64<<10)
			}
			from := len(arena)
			key := rowKey(r.Log, r.First)
			arena = s.salt.appendRow(arena, key[:], r, away)
			if err := b.Put(key[:], arena[from:len(arena):len(arena)]); err != nil {
				return err
			}
		}
	}
	return nil
}
