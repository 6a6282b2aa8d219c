package logserver

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// records finds decided records in the segments, for other nodes that pull them. One
// goroutine at a time.
type records struct {
	store     *segment.Store
	firsts    map[uint64]uint64 // by segment: Raft index of its first record
	bookmarks []bookmark        // where readers stopped, the latest last
}

// bookmark says that the record of a Raft index, and what follows, is to be found from a
// position on.
type bookmark struct {
	index uint64
	at    segment.Position
}

const (
	maxBookmarks = 16
	recordsSize  = 64 << 10 // bytes of records that are sent at once, about
	recordsScan  = 16 << 20 // bytes that are read for them, about
)

func newRecords(s *segment.Store) *records {
	return &records{store: s, firsts: make(map[uint64]uint64)}
}

var errEnough = errors.New("enough")

// read returns a decided frame's payload with records from p.First on, none beyond p.Last
// or last; nil if the first one isn't there.
func (s *records) read(p order.Pull, last uint64) []byte {
	last = min(p.Last, last)
	if p.First > last {
		return nil
	}
	var found [][]byte
	next, size, scanned := p.First, 0, 0
	take := func(at segment.Position, payload []byte) error {
		begin := next
		err := order.SplitDecided(payload, func(index uint64, record []byte) error {
			if index == next && index <= last && size < recordsSize {
				found = append(found, append([]byte(nil), record...))
				size += len(record)
				next++
			}
			return nil
		})
		if begin != next {
			s.mark(next, at)
		}
		if err == nil && (next > last || size >= recordsSize) {
			err = errEnough
		}
		return err
	}
	_ = s.store.Scan(s.find(p.First), func(at segment.Position, kind segment.Kind, payload []byte) error {
		if scanned += len(payload); scanned > recordsScan && len(found) > 0 {
			return errEnough
		}
		return decidedIn(kind, payload, func(frame []byte) error { return take(at, frame) })
	}) // what was found before an error is as good as ever
	if len(found) == 0 {
		return nil
	}
	return order.JoinDecided(nil, found...)
}

// decidedIn calls fn with the records in a frame that are in no other one, if it has any.
func decidedIn(kind segment.Kind, payload []byte, fn func(decided []byte) error) error {
	switch kind {
	case segment.KindDecided:
		return fn(payload)
	case segment.KindSeal:
		seal, err := order.ReadSeal(payload)
		if err != nil || len(seal.Rest) == 0 {
			return err
		}
		return fn(seal.Rest)
	}
	return nil
}

// mark remembers where a reader goes on.
func (s *records) mark(next uint64, at segment.Position) {
	for i := range s.bookmarks {
		if s.bookmarks[i].at.Segment == at.Segment && s.bookmarks[i].at.Offset <= at.Offset && s.bookmarks[i].index < next {
			s.bookmarks = append(s.bookmarks[:i], s.bookmarks[i+1:]...)
			break
		}
	}
	if len(s.bookmarks) == maxBookmarks {
		s.bookmarks = s.bookmarks[1:]
	}
	s.bookmarks = append(s.bookmarks, bookmark{next, at})
}

// find returns a position from which the record of a Raft index is to be found.
func (s *records) find(index uint64) segment.Position {
	low, high := uint64(1), s.store.Durable().Segment
	for low < high { // the last segment whose first record isn't beyond index
		middle := (low + high + 1) / 2
		if first, ok := s.first(middle); ok && first <= index {
			low = middle
		} else {
			high = middle - 1
		}
	}
	best := segment.Begin(low)
	var near uint64
	for _, b := range s.bookmarks {
		if b.index <= index && b.index > near && (b.at.Segment > best.Segment || b.at.Segment == best.Segment && b.at.Offset > best.Offset) {
			best, near = b.at, b.index
		}
	}
	return best
}

// first returns the Raft index of the first record in a segment, or behind it; not ok if
// there is none yet.
func (s *records) first(number uint64) (first uint64, ok bool) {
	if first, ok := s.firsts[number]; ok {
		return first, true
	}
	_ = s.store.Scan(segment.Begin(number), func(at segment.Position, kind segment.Kind, payload []byte) error {
		return decidedIn(kind, payload, func(decided []byte) error {
			return order.SplitDecided(decided, func(index uint64, _ []byte) error {
				first, ok = index, true
				return errEnough
			})
		})
	})
	if ok {
		s.firsts[number] = first
	}
	return first, ok
}
