package segment

import (
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/ringlog/ringlog/blobstore"
)

// ErrOther: the bytes are not those that were written to this place, or it can't be told.
var ErrOther = errors.New("this is not what was written there")

// Mend makes damaged content what it was: payload is written where it lies, if that is, by length and
// checksum, what was written there. So a copy that another node has, byte for byte, heals this one. What a
// repair has marked as lost isn't lost then. Nothing else changes, and what is broken off leaves damage where damage was;
// so it may be called by anybody, one at a time, whatever is appended meanwhile.
//
// Errors: ErrOther; the system's, after which it is not known what lies there.
func (s *Store) Mend(p blobstore.Place, payload []byte) (err error) {
	f, ok := s.find(p.Segment)
	size := frameHeader + int64(len(payload))
	if !ok || p.Offset < fileHeader || p.Offset+size > f.end.Offset {
		return fmt.Errorf("%w: %w", ErrOther, nothing(p))
	}
	file, err := s.fs.Open(fileName(p.Segment))
	if err != nil {
		return fmt.Errorf("mend segment %d: %w", p.Segment, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var b [frameHeader]byte
	got, err := readFull(file, b[:], p.Offset)
	if err != nil {
		return fmt.Errorf("mend segment %d: %w", p.Segment, err)
	}
	h, ok := parseHeader(got, f.salt, p.Offset)
	if !ok || h.kind != KindContent || h.length != int64(len(payload)) || crc32.Checksum(payload, castagnoli) != h.payloadCRC {
		return ErrOther
	}
	if _, err := file.WriteAt(payload, p.Offset+frameHeader); err != nil {
		return fmt.Errorf("mend segment %d: %w", p.Segment, err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("mend segment %d: %w", p.Segment, err)
	}
	if !h.lost() {
		return nil
	}
	if _, err := file.WriteAt(h.written(got, f.salt), p.Offset); err != nil { // it was lost until here
		return fmt.Errorf("mend segment %d: %w", p.Segment, err)
	}
	return file.Sync()
}
