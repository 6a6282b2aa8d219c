package segment

import (
	"bytes"
	"encoding/binary"
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
// A header in which more is wrong than the payload tells, and one byte besides, can't be mended.
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
	head, ok := headerOf(got, f.salt, p.Offset, payload)
	if !ok {
		return ErrOther
	}
	_, err = file.WriteAt(payload, p.Offset+frameHeader)
	if err == nil && !bytes.Equal(head, got) {
		if err = file.Sync(); err == nil { // as it is, it says that the payload is damaged
			_, err = file.WriteAt(head, p.Offset)
		}
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return fmt.Errorf("mend segment %d: %w", p.Segment, err)
	}
	return nil
}

// headerOf returns the header that a content frame with a payload was written with, at a position where now
// are the bytes got. Not ok: it was another, or of what the payload doesn't tell more than a byte is wrong.
func headerOf(got []byte, salt uint32, at int64, payload []byte) (head []byte, ok bool) {
	sum := crc32.Checksum(payload, castagnoli)
	h, ok := parseHeader(got, salt, at)
	if ok {
		return h.written(got, salt), h.kind == KindContent && h.length == int64(len(payload)) && h.payloadCRC == sum
	}
	if len(got) < frameHeader {
		return nil, false
	}
	head = bytes.Clone(got)
	le := binary.LittleEndian
	flags, ordinal, written := got[6], le.Uint16(got[10:]), header{
		kind: KindContent, version: frameVersion, length: int64(len(payload)), at: at, payloadCRC: sum,
		batch: le.Uint64(got[24:]), durable: int64(le.Uint64(got[40:])),
	}
	written.flags, written.ordinal = flags, ordinal
	written.put(head, salt)
	copy(head[52:], got[52:56])
	if h, ok = parseHeader(head, salt, at); !ok && mendSummed(head, salt) {
		h, ok = parseHeader(head, salt, at)
	}
	return h.written(head, salt), ok && h.kind == KindContent && h.length == int64(len(payload)) && h.payloadCRC == sum
}
