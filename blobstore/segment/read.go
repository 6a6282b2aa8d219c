package segment

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/ringlog/ringlog/blobstore"
)

// Read returns the payload of the frame at a place, read into buf, or into new memory if
// that is too small. It is checked to be what was written there.
//
// Every error but ErrClosed is ErrUnavailable; what was found to be damaged is also a
// *DamageError.
func (s *Store) Read(p blobstore.Place, buf []byte) ([]byte, error) {
	f, ok := s.find(p.Segment)
	size := frameHeader + int64(p.Length)
	if !ok || p.Offset < fileHeader || p.Offset > f.size-size {
		return nil, nothing(p)
	}
	h, err := s.handles.acquire(p.Segment)
	if errors.Is(err, ErrClosed) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer s.handles.release(h)
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf, err = readFull(h, buf[:size], p.Offset)
	if err != nil {
		return nil, fmt.Errorf("%w: read segment %d: %w", ErrUnavailable, p.Segment, err)
	}
	return f.payload(buf, p)
}

// Has tells whether a place lies in the stream. What a crash left behind its end may still
// be read, but is no part of it, or lies elsewhere now.
func (s *Store) Has(p blobstore.Place) bool {
	f, ok := s.find(p.Segment)
	return ok && p.Offset+frameHeader+int64(p.Length) <= f.end.Offset
}

const markedLost = "a repair has marked this as lost"

// payload checks the frame that was read from a place.
func (f *segment) payload(buf []byte, p blobstore.Place) ([]byte, error) {
	damage := func(detail string) error {
		return fmt.Errorf("%w: %w", ErrUnavailable, &DamageError{fileName(p.Segment), p.Offset, detail})
	}
	if len(buf) < frameHeader+int(p.Length) {
		return nil, damage("the file ends within a frame")
	}
	head, ok := parseHeader(buf, f.salt, p.Offset)
	if !ok || head.length != int64(p.Length) {
		return nil, damage("this frame is not what was written")
	}
	if head.lost() {
		return nil, damage(markedLost)
	}
	payload := buf[frameHeader:]
	if crc32.Checksum(payload, castagnoli) != head.payloadCRC {
		return nil, damage("the payload of this frame is not what was written")
	}
	return payload, nil
}
