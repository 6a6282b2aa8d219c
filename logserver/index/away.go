package index

import (
	"errors"
	"fmt"
	"maps"
	"unsafe"

	"go.etcd.io/bbolt"

	"github.com/ringlog/ringlog/blobstore"
)

// rowID names a row.
type rowID struct {
	log   uint32
	first uint64
}

// overlay is what is to be known of rows beyond themselves until it is in the file: rows
// themselves have no pointers, and are never changed in place.
type overlay struct {
	away  map[rowID]*blobstore.Away // of rows in memory; never changed
	moved map[rowID]blobstore.Place // where the content of rows lies now, in memory or file
}

// AddAway is Add for content that is not here: the rows' places are none.
func (x *Index) AddAway(applied uint64, rows []Row, away blobstore.Away) {
	away = away.Clone()
	x.mu.Lock()
	for i := range rows {
		id := rowID{rows[i].Log, rows[i].First}
		if t := x.logs[id.log]; t != nil && id.first <= t.head {
			continue // it is known
		}
		if x.over.away == nil {
			x.over.away = make(map[rowID]*blobstore.Away)
		}
		x.over.away[id] = &away
	}
	x.mu.Unlock()
	x.Add(applied, rows)
}

// Away says where the content of a row is whose place is none. Not ok: it lies here, by now, or
// there is no such row. An error wraps ErrBroken, unless the index is closed.
func (x *Index) Away(log uint32, first uint64) (away blobstore.Away, ok bool, err error) {
	for {
		x.mu.RLock()
		id, t := rowID{log, first}, x.logs[log]
		a := x.over.away[id]
		_, moved := x.over.moved[id]
		s := sight{log: log, from: first, gen: x.gen}
		if t != nil {
			s.inFile, s.span = first >= t.first && first < t.next, t.span
		}
		x.mu.RUnlock()
		switch {
		case moved:
			return away, false, nil
		case a != nil:
			return *a, true, nil
		case !s.inFile:
			return away, false, nil
		}
		err = x.store.view(s.gen, func(v view) (err error) {
			away, ok, err = v.away(log, first)
			return err
		})
		if err = x.readFailed(s, err); !errors.Is(err, errStale) {
			return away, ok, err
		}
	}
}

// Moved says that the content of a row lies at a place now. False: there is no such row, and
// nothing was done. It belongs to the goroutine that adds.
func (x *Index) Moved(log uint32, first uint64, to blobstore.Place) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	t := x.logs[log]
	if t == nil || first < t.first || first > t.head {
		return false
	}
	if first >= t.next {
		if n := find(t.rows, first); n == len(t.rows) || t.rows[n].First != first {
			return false
		}
	}
	if x.over.moved == nil {
		x.over.moved = make(map[rowID]blobstore.Place)
	}
	x.over.moved[rowID{log, first}] = to
	x.changed.Store(true)
	return true
}

// clone returns an overlay as it is.
func (o *overlay) clone() overlay { return overlay{maps.Clone(o.away), maps.Clone(o.moved)} }

// size is about how many bytes of memory it takes.
func (o *overlay) size() int64 {
	const around = 48 // of maps
	away := around + unsafe.Sizeof(rowID{}) + unsafe.Sizeof(blobstore.Away{}) + 3*unsafe.Sizeof(uint64(0))
	moved := around + unsafe.Sizeof(rowID{}) + unsafe.Sizeof(blobstore.Place{})
	return int64(len(o.away))*int64(away) + int64(len(o.moved))*int64(moved)
}

// apply puts into rows where they lie now.
func (o *overlay) apply(rows []Row) {
	if len(o.moved) == 0 {
		return
	}
	for i := range rows {
		if to, ok := o.moved[rowID{rows[i].Log, rows[i].First}]; ok {
			rows[i].Place = to
		}
	}
}

// drop forgets what is in the file now, as of was, unless it has changed since.
func (o *overlay) drop(was *overlay, portions []portion, written map[rowID]bool) {
	for i := range portions {
		for j := range portions[i].rows {
			delete(o.away, rowID{portions[i].log, portions[i].rows[j].First})
		}
	}
	for id, to := range was.moved {
		if written[id] && o.moved[id] == to {
			delete(o.moved, id)
		}
	}
}

// putMoved writes rows of the file anew that lie elsewhere now, and returns which they are:
// those that are written by the same flush as well.
func (s *store) putMoved(tx *bbolt.Tx, o *overlay, logs map[uint32]span) (written map[rowID]bool, err error) {
	if len(o.moved) == 0 {
		return nil, nil
	}
	written = make(map[rowID]bool, len(o.moved))
	b := tx.Bucket(bucketRows)
	for id, to := range o.moved {
		if is := logs[id.log]; id.first < is.first || id.first >= is.next {
			continue // it is in memory yet
		}
		written[id] = true
		key := rowKey(id.log, id.first)
		value := b.Get(key[:])
		if value == nil {
			continue // there is no such row: whoever moved it meant another
		}
		r, err := s.salt.parseRow(key[:], value, nil)
		if err != nil {
			return nil, fmt.Errorf("row %d of log %d: %w", id.first, id.log, err)
		}
		r.Place = to
		if err := b.Put(key[:], s.salt.appendRow(nil, key[:], &r, nil)); err != nil {
			return nil, err
		}
	}
	return written, nil
}

// away says where the content of a row of the file is, if it isn't here.
func (v view) away(log uint32, first uint64) (away blobstore.Away, ok bool, err error) {
	b := v.Bucket(bucketRows)
	if b == nil {
		return away, false, errGap
	}
	key := rowKey(log, first)
	value := b.Get(key[:])
	if value == nil {
		return away, false, nil
	}
	r, err := v.salt.parseRow(key[:], value, &away)
	return away, err == nil && r.Place.IsAway(), err
}
