package order

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// errMalformed is the one error of bytes that are not what they should be.
var errMalformed = errors.New("malformed")

// ErrUnknown is wrapped by the error for bytes that a newer version wrote.
var ErrUnknown = errors.New("written by a newer version")

func unknown(what string, version uint64) error {
	return fmt.Errorf("%s %d: %w", what, version, ErrUnknown)
}

const (
	maxNode     = math.MaxUint64 - 2 // Raft keeps the last two for itself
	maxLogName  = 128
	maxProducer = 64
	// maxNumber bounds indices and seqs, so that adding a count to one can't overflow.
	maxNumber = math.MaxInt64
)

// reader takes fields off the front of b. After the first field that isn't there
// it gives zeroes, and end reports the error.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) fail() { r.b, r.bad = nil, true }

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	p := r.b[:n:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

// between reads a number from low to high.
func (r *reader) between(low, high uint64) uint64 {
	v := r.uvarint()
	if v < low || v > high {
		r.fail()
		return 0
	}
	return v
}

func (r *reader) uint32() uint32 { return uint32(r.between(0, math.MaxUint32)) }

// count reads how many elements of at least size bytes follow.
func (r *reader) count(size int) int {
	return int(r.between(0, uint64(len(r.b)/size)))
}

func (r *reader) name(limit int) []byte {
	n := int(r.byte())
	if n == 0 || n > limit {
		r.fail()
		return nil
	}
	return r.take(n)
}

func (r *reader) time() int64 {
	p := r.take(8)
	if p == nil {
		return 0
	}
	return int64(binary.LittleEndian.Uint64(p))
}

// into fills dst, an array.
func (r *reader) into(dst []byte) {
	copy(dst, r.take(len(dst)))
}

// version reads a version byte and wants it to be 1.
func (r *reader) version(what string) error {
	v := r.byte()
	if r.bad {
		return fmt.Errorf("%s: %w", what, errMalformed)
	}
	if v != 1 {
		return unknown(what+" version", uint64(v))
	}
	return nil
}

// malformed reports whether something wasn't there.
func (r *reader) malformed() error {
	if r.bad {
		return errMalformed
	}
	return nil
}

// end reports an error unless everything was there and nothing is left.
func (r *reader) end(what string) error {
	if r.bad || len(r.b) != 0 {
		return fmt.Errorf("%s: %w", what, errMalformed)
	}
	return nil
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendSum appends the CRC-32C of what is in dst from start on: the database that
// keeps checkpoints doesn't notice every flipped bit.
func appendSum(dst []byte, start int) []byte {
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// summed returns a reader of data without its checksum; nothing can be read if that
// is wrong.
func summed(data []byte) reader {
	n := len(data) - crc32.Size
	if n < 0 || binary.LittleEndian.Uint32(data[n:]) != crc32.Checksum(data[:n], castagnoli) {
		return reader{bad: true}
	}
	return reader{b: data[:n]}
}

func appendName(dst, name []byte) []byte {
	return append(append(dst, byte(len(name))), name...)
}

func appendTime(dst []byte, t int64) []byte {
	return binary.LittleEndian.AppendUint64(dst, uint64(t))
}

func appendUvarints(dst []byte, numbers ...uint64) []byte {
	for _, n := range numbers {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

// appendList appends how many numbers there are, and the numbers.
func appendList(dst []byte, numbers []uint64) []byte {
	return appendUvarints(appendUvarints(dst, uint64(len(numbers))), numbers...)
}

// list reads what appendList wrote, into dst's memory.
func (r *reader) list(dst []uint64) []uint64 {
	dst = dst[:0]
	for range r.count(1) {
		dst = append(dst, r.uvarint())
	}
	return dst
}
