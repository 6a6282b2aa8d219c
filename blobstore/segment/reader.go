package segment

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// A Reader reads the payloads of frames one after another. Where they lie close
// together, it reads ahead: many small frames cost one system call. It holds memory from
// the first Read to Release. One goroutine at a time.
type Reader struct {
	store *Store
	ahead int
	buf   []byte
	// What of a file is in buf.
	segment uint64
	at      int64
}

// NewReader returns a Reader that reads up to ahead bytes at once, or one frame.
func (s *Store) NewReader(ahead int) *Reader { return &Reader{store: s, ahead: ahead} }

// Release gives the memory back, until the next Read.
func (r *Reader) Release() { r.buf, r.segment = nil, 0 }

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
		n := size
		if near := p.Segment == r.segment && p.Offset >= r.at && p.Offset-end < int64(r.ahead); near {
			n = max(n, min(int64(r.ahead), f.size-p.Offset))
		}
		if err := r.fill(p, n); err != nil {
			return nil, err
		}
	}
	at := p.Offset - r.at
	return f.payload(r.buf[at:min(at+size, int64(len(r.buf)))], p)
}

// fill reads n bytes from a place on.
func (r *Reader) fill(p blobstore.Place, n int64) error {
	h, err := r.store.handles.acquire(p.Segment)
	if errors.Is(err, ErrClosed) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer r.store.handles.release(h)
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	r.segment, r.at = p.Segment, p.Offset
	r.buf, err = readFull(h, r.buf[:n], p.Offset)
	if err != nil {
		r.segment = 0
		return fmt.Errorf("%w: read segment %d: %w", ErrUnavailable, p.Segment, err)
	}
	return nil
}

// ReadPart fills b from an offset of the payload of the frame at a place. Nothing of it
// is checked: that is for the caller, by digests. Errors are those of Read.
func (s *Store) ReadPart(p blobstore.Place, off int64, b []byte) error {
	f, ok := s.find(p.Segment)
	at := p.Offset + frameHeader + off
	if !ok || p.Offset < fileHeader || off < 0 || off+int64(len(b)) > int64(p.Length) || at+int64(len(b)) > f.size {
		return nothing(p)
	}
	h, err := s.handles.acquire(p.Segment)
	if errors.Is(err, ErrClosed) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer s.handles.release(h)
	got, err := readFull(h, b, at)
	if err == nil && len(got) < len(b) {
		err = &DamageError{fileName(p.Segment), p.Offset, "the file ends within a frame"}
	}
	if err != nil {
		return fmt.Errorf("%w: read segment %d: %w", ErrUnavailable, p.Segment, err)
	}
	return nil
}

func nothing(p blobstore.Place) error {
	return fmt.Errorf("%w: nothing was written to segment %d at offset %d", ErrUnavailable, p.Segment, p.Offset)
}
