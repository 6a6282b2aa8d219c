package segment

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// Kind says what a frame holds.
type Kind uint8

// The kinds of frames. The zero kind is none.
const (
	KindContent    Kind = 1  // a batch of entries: blobstore's manifest and content
	KindOrder      Kind = 2  // Raft entries
	KindState      Kind = 3  // Raft's hard state
	KindDecided    Kind = 4  // what apply decided
	KindCheckpoint Kind = 5  // all that was decided so far: a file begun behind a full one opens with it
	KindRestart    Kind = 6  // reserved: an installed snapshot cancels all before
	KindMark       Kind = 7  // reserved
	KindSeal       Kind = 8  // ends a file that was full, and repeats what was decided in it
	KindGap        Kind = 9  // a repair's: what lay here is lost, whatever it was
	KindLate       Kind = 10 // whose content the next frame holds, which came after it was decided
)

func (k Kind) known() bool { return k >= KindContent && k <= KindLate }

// Codec and hash of a frame's payload. Nothing else is defined yet.
const (
	CodecNone  uint8 = 0 // as it is
	HashSHA256 uint8 = 0 // digests in it are SHA-256
)

// A Frame is one piece of a batch, as given to Append.
type Frame struct {
	Kind      Kind
	Ignorable bool // a reader that does not know the kind may skip it
	Codec     uint8
	Hash      uint8
	Payload   [2][]byte // in two pieces, so that nothing need be joined before
	version   uint8     // of a frame that recovery writes anew, perhaps a later program's; 0: this one's
}

const (
	frameMagic   = 0x464c_529e // in the file: 9e 'R' 'L' 'F'
	frameHeader  = 56
	frameVersion = 1
	frameAlign   = 8

	// MaxPayload is the longest payload of a frame in bytes.
	MaxPayload = 1 << 30
	// MaxFrames is how many frames a batch can have.
	MaxFrames = 1 << 16
)

// Bits of a frame's flags.
const (
	flagIgnorable = 1 << 0
	flagLast      = 1 << 1 // of its batch
	flagLost      = 1 << 2 // a repair has found the payload damaged, and given it up
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is a frame's header.
type header struct {
	kind       Kind
	version    uint8
	flags      uint8
	codec      uint8
	hash       uint8
	ordinal    uint16 // in the batch, from 0
	length     int64  // of the payload
	batch      uint64 // number of the batch, from 1, over all files
	at         int64  // own position in the file
	durable    int64  // how far this file was known to be durable
	payloadCRC uint32
}

// salted begins the checksum of the headers of one file's frames. With a frame's own
// position, which its header holds, it makes a frame that was copied elsewhere, or
// content that looks like one, worth nothing.
func salted(salt [16]byte, number uint64) uint32 {
	var n [8]byte
	binary.LittleEndian.PutUint64(n[:], number)
	return crc32.Update(crc32.Update(0, castagnoli, salt[:]), castagnoli, n[:])
}

// put writes the header to the first frameHeader bytes of p.
func (h *header) put(p []byte, salt uint32) {
	p = p[:frameHeader]
	clear(p)
	le := binary.LittleEndian
	le.PutUint32(p[0:], frameMagic)
	p[4], p[5], p[6], p[7], p[8] = byte(h.kind), h.version, h.flags, h.codec, h.hash
	le.PutUint16(p[10:], h.ordinal)
	le.PutUint64(p[16:], uint64(h.length))
	le.PutUint64(p[24:], h.batch)
	le.PutUint64(p[32:], uint64(h.at))
	le.PutUint64(p[40:], uint64(h.durable))
	le.PutUint32(p[48:], h.payloadCRC)
	le.PutUint32(p[52:], crc32.Update(salt, castagnoli, p[:52]))
}

// parseHeader reads the header at a position of a file. ok is false for anything that
// was not written as a header for exactly there.
func parseHeader(p []byte, salt uint32, at int64) (h header, ok bool) {
	le := binary.LittleEndian
	if len(p) < frameHeader || le.Uint32(p) != frameMagic ||
		le.Uint32(p[52:]) != crc32.Update(salt, castagnoli, p[:52]) {
		return header{}, false
	}
	h = header{
		kind: Kind(p[4]), version: p[5], flags: p[6], codec: p[7], hash: p[8],
		ordinal:    le.Uint16(p[10:]),
		length:     int64(le.Uint64(p[16:])),
		batch:      le.Uint64(p[24:]),
		at:         int64(le.Uint64(p[32:])),
		durable:    int64(le.Uint64(p[40:])),
		payloadCRC: le.Uint32(p[48:]),
	}
	return h, h.at == at && h.length >= 0 && h.length <= MaxPayload
}

func (h *header) last() bool      { return h.flags&flagLast != 0 }
func (h *header) ignorable() bool { return h.flags&flagIgnorable != 0 }
func (h *header) lost() bool      { return h.flags&flagLost != 0 }

// written returns the bytes of a header as they were when the frame was appended; p are
// its bytes now. They differ when a repair has marked the frame as lost.
func (h *header) written(p []byte, salt uint32) []byte {
	if !h.lost() || h.kind == KindGap {
		return p
	}
	return withFlags(p, h.flags&^flagLost, salt)
}

// withFlags returns a copy of a header's bytes with other flags.
func withFlags(p []byte, flags uint8, salt uint32) []byte {
	p = bytes.Clone(p[:frameHeader])
	p[6] = flags
	binary.LittleEndian.PutUint32(p[52:], crc32.Update(salt, castagnoli, p[:52]))
	return p
}

// understood reports whether this version knows what the frame means.
func (h *header) understood() bool {
	return h.kind.known() && h.version == frameVersion && h.codec == CodecNone && h.hash == HashSHA256
}

// frameSize is what a frame takes in the file.
func frameSize(payload int64) int64 { return alignUp(frameHeader+payload, frameAlign) }

// sizeOf is what a batch takes in the file.
func sizeOf(batch []Frame) (size int64) {
	for i := range batch {
		size += frameSize(batch[i].length())
	}
	return size
}

// length is how long the frame's payload is.
func (f *Frame) length() int64 { return int64(len(f.Payload[0])) + int64(len(f.Payload[1])) }

func alignUp(n, to int64) int64 { return (n + to - 1) / to * to }

// batchSize is what the frames take in the file, or why they can't be a batch.
func batchSize(frames []Frame) (size int64, err error) {
	if len(frames) == 0 || len(frames) > MaxFrames {
		return 0, fmt.Errorf("%w: %d frames", ErrBatch, len(frames))
	}
	for i := range frames {
		f := &frames[i]
		h := header{kind: f.Kind, version: frameVersion, codec: f.Codec, hash: f.Hash}
		length := f.length()
		if !h.understood() || f.Kind == KindGap || length > MaxPayload {
			return 0, fmt.Errorf("%w: kind %d, codec %d, hash %d, %d bytes", ErrBatch, f.Kind, f.Codec, f.Hash, length)
		}
	}
	return sizeOf(frames), nil
}
