package peer

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// frameType says what a frame is.
type frameType uint8

// The types of frames, as the package document describes them.
const (
	_            frameType = iota
	frameHello             // of who has dialed, first
	frameWelcome           // the answer
	frameRefused           // the other answer, then the connection is closed
	frameMessage           // a message, whole
	frameBulk              // a piece of a message
	frameAck               // what was handed over; also the heartbeat
	frameRequest           // of a call
	frameResult            // its answer
	frameFailed            // its other answer
	frameTypes
)

const (
	headerSize = 24
	maxHello   = 512     // payload of a hello or welcome
	maxRefused = 4 << 10 // payload of what says no
	piece      = 64 << 10
)

// header is a frame's header, but its checksum.
type header struct {
	length   uint32 // bytes of the payload
	kind     frameType
	message  byte   // the message's kind
	rest     uint32 // bytes of the message in frames after this one
	sequence uint64
}

// ErrFrame is wrapped by the errors for bytes that no node sends.
var ErrFrame = errors.New("not a frame of this protocol")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendHeader appends a header whose checksum covers payload, the parts of which are length bytes together.
func (h *header) append(dst []byte, payload ...[]byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.length)
	dst = append(dst, byte(h.kind), h.message, 0, 0)
	dst = binary.LittleEndian.AppendUint32(dst, h.rest)
	dst = binary.LittleEndian.AppendUint64(dst, h.sequence)
	sum := crc32.Update(0, castagnoli, dst[at+4:])
	for _, part := range payload {
		sum = crc32.Update(sum, castagnoli, part)
	}
	binary.LittleEndian.PutUint32(dst[at:], sum)
	return dst
}

// appendFrame appends a frame that is nothing but its type and payload.
func appendFrame(dst []byte, kind frameType, payload []byte) []byte {
	h := header{length: uint32(len(payload)), kind: kind}
	return append(h.append(dst, payload), payload...)
}

// parseHeader reads a header. Its checksum can't be judged before the payload is there.
func parseHeader(b []byte) (h header, sum uint32, err error) {
	h = header{
		length:   binary.LittleEndian.Uint32(b[4:]),
		kind:     frameType(b[8]),
		message:  b[9],
		rest:     binary.LittleEndian.Uint32(b[12:]),
		sequence: binary.LittleEndian.Uint64(b[16:]),
	}
	if h.kind == 0 || h.kind >= frameTypes {
		return h, 0, fmt.Errorf("%w: type %d", ErrFrame, b[8])
	}
	if b[10] != 0 || b[11] != 0 {
		return h, 0, fmt.Errorf("%w: reserved bytes are used", ErrFrame)
	}
	return h, binary.LittleEndian.Uint32(b), nil
}

// readHeader reads a frame's header, and the checksum of its own part. want is the checksum of the whole frame.
func readHeader(r *bufio.Reader, limit int) (h header, sum, want uint32, err error) {
	b, err := r.Peek(headerSize)
	if err != nil {
		if len(b) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return h, 0, 0, err
	}
	if h, want, err = parseHeader(b); err != nil {
		return h, 0, 0, err
	}
	if uint64(h.length) > uint64(limit) {
		return h, 0, 0, fmt.Errorf("%w: %d bytes, more than %d", ErrFrame, h.length, limit)
	}
	sum = crc32.Update(0, castagnoli, b[4:])
	_, err = r.Discard(headerSize)
	return h, sum, want, err
}

// readRest fills dst with a frame's payload and compares the checksums.
func readRest(r *bufio.Reader, dst []byte, sum, want uint32) error {
	if _, err := io.ReadFull(r, dst); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if crc32.Update(sum, castagnoli, dst) != want {
		return fmt.Errorf("%w: checksum", ErrFrame)
	}
	return nil
}

// readFrame reads a frame whose payload is at most limit bytes. An error that isn't r's is an ErrFrame. The
// payload is the caller's.
func readFrame(r *bufio.Reader, limit int) (header, []byte, error) {
	h, sum, want, err := readHeader(r, limit)
	if err != nil {
		return h, nil, err
	}
	payload := make([]byte, h.length)
	return h, payload, readRest(r, payload, sum, want)
}
