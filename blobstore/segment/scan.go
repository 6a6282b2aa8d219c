package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/ringlog/ringlog/blobstore"
)

// Scan calls fn for each frame of each batch from a position on, in order, up to what is
// durable when Scan is called. The zero Position is the beginning; any other must have
// come from Durable, or be the place of a batch's first frame. One that lies beyond the end of its file, because a crash moved what
// followed to the next one, stands for the beginning of that.
//
// A batch is read and checked whole before fn sees any of it: checksums, numbers, and,
// where a file was read from its beginning, the chain at its end. A flaw is a
// *DamageError; a frame that this version must know and does not a *ForeignError; one
// that may be ignored is not shown, nor are seals without a payload and what a repair has
// marked as lost. An error of fn ends the scan and is
// returned as it is.
//
// payload is valid during the call. With len(payload) as its length, at is the frame's
// blobstore.Place.
func (s *Store) Scan(from Position, fn func(at Position, kind Kind, payload []byte) error) error {
	return s.scan(from, func(segment uint64, f *frame) error {
		if f.lost() {
			return nil
		}
		return fn(Position{segment, f.at}, f.kind, f.payload)
	}, false)
}

// Begin returns the position of the first frame of a file.
func Begin(number uint64) Position { return Position{number, fileHeader} }

// Lost is a frame whose payload is not what was written.
type Lost struct {
	Kind   Kind // KindGap: it is not known what frames there were
	Place  blobstore.Place
	Marked bool // a repair has given it up
	Damage *DamageError
}

// Salvage is a Scan that goes on where frames are marked as lost, or where the payload of
// a content frame is not what was written: lost is called with them instead of fn. An
// error of it ends the scan.
func (s *Store) Salvage(from Position, fn func(at Position, kind Kind, payload []byte) error, lost func(Lost) error) error {
	return s.scan(from, func(segment uint64, f *frame) error {
		if f.flaw == nil {
			return fn(Position{segment, f.at}, f.kind, f.payload)
		}
		p := blobstore.Place{Segment: segment, Offset: f.at, Length: uint32(f.length)}
		return lost(Lost{f.kind, p, f.lost(), &DamageError{fileName(segment), f.flaw.offset, f.flaw.detail}})
	}, true)
}

func (s *Store) scan(from Position, fn func(segment uint64, f *frame) error, forgiving bool) error {
	s.mu.RLock()
	files := s.files[:len(s.files):len(s.files)]
	durable := files[len(files)-1]
	s.mu.RUnlock()
	if from == (Position{}) {
		from = files[0].head.start().Position
	}
	if from.Segment == 0 || from.Segment > uint64(len(files)) || from.Offset < fileHeader ||
		from.Segment == uint64(len(files)) && from.Offset > durable.end.Offset {
		return fmt.Errorf("scan from segment %d, offset %d: %w", from.Segment, from.Offset, ErrPosition)
	}
	for number := from.Segment; number <= uint64(len(files)); number++ {
		file := durable
		if number < uint64(len(files)) {
			file = files[number-1]
		}
		if err := s.scanFile(&file, from, fn, forgiving); err != nil {
			return err
		}
		from = Position{}
	}
	return nil
}

// scanFile scans one file, from a position in it or, if that is zero, from its beginning.
func (s *Store) scanFile(file *segment, from Position, fn func(uint64, *frame) error, forgiving bool) error {
	start := file.head.start()
	middle := from != (Position{}) && from != start.Position
	if middle {
		start.Position = from
	}
	h, err := s.handles.acquire(file.head.number)
	if err != nil {
		return err
	}
	defer s.handles.release(h)
	w := newWalker(h, file.salt, start, file.end.Offset)
	w.forgiving, w.adrift = forgiving, middle
	for {
		err := w.next()
		if errors.Is(err, io.EOF) {
			return checkEnd(w, file, middle)
		}
		if w.adrift {
			return fmt.Errorf("scan from segment %d, offset %d: %w", from.Segment, from.Offset, ErrPosition)
		}
		if err != nil {
			return damaged(err, file.head.number)
		}
		if err := show(w, fn); err != nil {
			return err
		}
	}
}

// checkEnd checks that a file ended as the next one, or the store, says.
func checkEnd(w *walker, file *segment, middle bool) error {
	if middle && w.adrift { // nothing was read, or nothing behind a gap
		return nil
	}
	if w.batch == file.end.batch && w.Position == file.end.Position && (middle || w.loose || w.chain == file.end.chain) {
		return nil
	}
	return &DamageError{fileName(w.Segment), w.Offset, "its frames are not those that the stream goes on from"}
}

// show gives fn the frames of the batch that the walker has read.
func show(w *walker, fn func(uint64, *frame) error) error {
	if err := checkKinds(w); err != nil {
		return err
	}
	for i := range w.frames {
		f := &w.frames[i]
		if !f.understood() || f.kind == KindSeal && f.length == 0 && !f.lost() {
			continue
		}
		if err := fn(w.Segment, f); err != nil {
			return err
		}
	}
	return nil
}

// damaged makes of a walker's flaw the error it is where all must be good.
func damaged(err error, number uint64) error {
	if bad := (*flaw)(nil); errors.As(err, &bad) {
		return &DamageError{fileName(number), bad.offset, bad.detail}
	}
	return fmt.Errorf("read %s: %w", fileName(number), err)
}
