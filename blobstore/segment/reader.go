package segment

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore"
)

// A Reader reads the payloads of frames one after another. Where they lie close
// together, it reads ahead: many small frames cost one system call. It holds memory from
// the first Read to Release. One goroutine at a time.
type Reader struct {
	store *Store
	ahead int
	buf   []byte
	// The file that is read.
	file   *handle // nil: none
	number uint64
	size   int64 // of what it held when it was asked last: it only grows
	// What of a file is in buf.
	segment uint64
	at      int64
	hinted  int64 // the file system was told that it will be read up to here
	cold    int   // for so many more reads it is told so
}

const (
	// hintAhead is how far ahead of a reader that goes on and on the disk reads, in the
	// background.
	hintAhead = 4 << 20
	// A read that is slower than this, in bytes a nanosecond, came from the disk: the next
	// coldReads are announced. (Where all is in memory, announcing costs a fifth.)
	diskSpeed = 2
	coldReads = 16
)

// NewReader returns a Reader that reads up to ahead bytes at once, or one frame.
func (s *Store) NewReader(ahead int) *Reader { return &Reader{store: s, ahead: ahead} }

// Release gives memory and file back, until the next Read.
func (r *Reader) Release() {
	r.buf, r.segment = nil, 0
	r.leave()
}

// Rest gives only the file back, until the next Read.
func (r *Reader) Rest() { r.leave() }

// Size returns how many bytes of memory the Reader holds.
func (r *Reader) Size() int { return cap(r.buf) }

// Read returns the payload of the frame at a place, as Store.Read does, with the same
// errors. It is valid until the next Read or Release.
func (r *Reader) Read(p blobstore.Place) ([]byte, error) {
	f, ok := r.store.find(p.Segment)
	size := frameHeader + int64(p.Length)
	if !ok || p.Offset < fileHeader || p.Offset > f.size-size {
		return nil, nothing(p)
	}
	end := r.at + int64(len(r.buf))
	if p.Segment != r.segment || p.Offset < r.at || p.Offset+size > end {
		n, hint := size, int64(0)
		if near := p.Segment == r.segment && p.Offset >= r.at && p.Offset-end < int64(r.ahead); near {
			n = max(n, min(int64(r.ahead), f.size-p.Offset))
			hint = p.Offset + n
		}
		if err := r.fill(p, n, hint); err != nil {
			return nil, err
		}
	}
	at := p.Offset - r.at
	return f.payload(r.buf[at:min(at+size, int64(len(r.buf)))], p)
}

// fill reads n bytes from a place on. What follows from hint on will be read next; 0:
// nobody knows.
func (r *Reader) fill(p blobstore.Place, n, hint int64) error {
	if err := r.use(p.Segment); err != nil {
		return err
	}
	var err error
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	if p.Segment != r.segment {
		r.hinted = 0
	}
	r.segment, r.at = p.Segment, p.Offset
	if r.cold > 0 && hint > 0 && hint+hintAhead/2 > r.hinted {
		r.cold--
		from := max(hint, r.hinted)
		r.hinted = hint + hintAhead
		r.file.WillRead(from, r.hinted-from)
	}
	began := time.Now()
	r.buf, err = readFull(r.file, r.buf[:n], p.Offset)
	if int64(time.Since(began)) > n/diskSpeed+int64(50*time.Microsecond) {
		r.cold = coldReads
	}
	if err != nil {
		r.segment = 0
		return fmt.Errorf("%w: read segment %d: %w", ErrUnavailable, p.Segment, err)
	}
	return nil
}

// ReadPart fills b from an offset of the payload of the frame at a place. Nothing of it
// is checked: that is for the caller, by digests. Errors are those of Read.
func (r *Reader) ReadPart(p blobstore.Place, off int64, b []byte) error {
	at := p.Offset + frameHeader + off
	end := at + int64(len(b))
	if p.Offset < fileHeader || off < 0 || off+int64(len(b)) > int64(p.Length) {
		return nothing(p)
	}
	if r.file == nil || p.Segment != r.number || end > r.size {
		f, ok := r.store.find(p.Segment)
		if !ok || end > f.size {
			return nothing(p)
		}
		if err := r.use(p.Segment); err != nil {
			return err
		}
		r.size = f.size
	}
	got, err := readFull(r.file, b, at)
	if err == nil && len(got) < len(b) {
		err = &DamageError{fileName(p.Segment), p.Offset, "the file ends within a frame"}
	}
	if err != nil {
		return fmt.Errorf("%w: read segment %d: %w", ErrUnavailable, p.Segment, err)
	}
	return nil
}

// Intact reports whether there is a frame at a place that no repair has marked as lost, by
// its header alone: for who reads parts of it. Errors are those of Read.
func (r *Reader) Intact(p blobstore.Place) error {
	f, ok := r.store.find(p.Segment)
	if !ok {
		return nothing(p)
	}
	if err := r.use(p.Segment); err != nil {
		return err
	}
	var b [frameHeader]byte
	got, err := readFull(r.file, b[:], p.Offset)
	if err != nil {
		return fmt.Errorf("%w: read segment %d: %w", ErrUnavailable, p.Segment, err)
	}
	h, ok := parseHeader(got, f.salt, p.Offset)
	detail := "this frame is not what was written"
	switch {
	case ok && h.lost():
		detail = markedLost
	case ok && h.length == int64(p.Length):
		return nil
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, &DamageError{fileName(p.Segment), p.Offset, detail})
}

// use makes a file the one that is read. It stays open until another is, or Release.
func (r *Reader) use(segment uint64) error {
	if r.file != nil && r.number == segment {
		return nil
	}
	r.leave()
	h, err := r.store.handles.acquire(segment)
	if errors.Is(err, ErrClosed) {
		return ErrClosed
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	r.file, r.number, r.size = h, segment, 0
	return nil
}

func (r *Reader) leave() {
	if r.file != nil {
		r.store.handles.release(r.file)
		r.file = nil
	}
}

func nothing(p blobstore.Place) error {
	return fmt.Errorf("%w: nothing was written to segment %d at offset %d", ErrUnavailable, p.Segment, p.Offset)
}
