package segment

import (
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
)

// An encoder turns a batch of frames into the bytes of it. Its memory is used again for
// the next batch.
type encoder struct {
	buf    []byte
	places []blobstore.Place
	hash   hash.Hash
	chain  [32]byte
}

// keepBuffer is the largest buffer that is kept for the next batch.
const keepBuffer = 4 << 20

// batch fills buf with the batch that comes next at a point of a file, size bytes of it,
// and places with where its frames lie. It returns the point behind. durable is how far
// the file is known to be durable.
func (e *encoder) batch(frames []Frame, size int64, salt uint32, from point, durable int64) point {
	if e.hash == nil {
		e.hash = sha256.New()
	}
	if cap(e.buf) < int(size) || cap(e.buf) > keepBuffer && size <= keepBuffer {
		e.buf = make([]byte, 0, max(size, 64<<10))
	}
	e.buf, e.places = e.buf[:0], e.places[:0]
	e.chain = from.chain
	e.hash.Reset()
	e.hash.Write(e.chain[:])
	to := from
	to.batch++
	for i := range frames {
		h := frames[i].header()
		h.ordinal, h.batch, h.at, h.durable = uint16(i), to.batch, to.Offset, durable
		if i == len(frames)-1 {
			h.flags |= flagLast
		}
		e.frame(&h, &frames[i], salt)
		e.places = append(e.places, blobstore.Place{Segment: to.Segment, Offset: to.Offset, Length: uint32(h.length)})
		to.Offset += frameSize(h.length)
	}
	e.hash.Sum(e.chain[:0])
	to.chain = e.chain
	return to
}

// zeroes puts zeroes behind the batch, to be written along with it.
func (e *encoder) zeroes(n int) {
	was := len(e.buf)
	e.buf = slices.Grow(e.buf, n)[:was+n]
	clear(e.buf[was:])
}

func (e *encoder) frame(h *header, f *Frame, salt uint32) {
	n := len(e.buf)
	e.buf = e.buf[:n+frameHeader]
	h.put(e.buf[n:], salt)
	e.hash.Write(e.buf[n:])
	e.buf = append(append(e.buf, f.Payload[0]...), f.Payload[1]...)
	for len(e.buf)%frameAlign != 0 {
		e.buf = append(e.buf, 0)
	}
}

// header returns what of the frame's header does not depend on where it is.
func (f *Frame) header() header {
	h := header{
		kind: f.Kind, version: max(f.version, frameVersion), codec: f.Codec, hash: f.Hash,
		length:     f.length(),
		payloadCRC: crc32.Update(crc32.Checksum(f.Payload[0], castagnoli), castagnoli, f.Payload[1]),
	}
	if f.Ignorable {
		h.flags = flagIgnorable
	}
	return h
}

// again returns a batch that was read as one to be written; payloads are not copied.
func again(batch []frame) []Frame {
	frames := make([]Frame, len(batch))
	for i := range batch {
		f := &batch[i]
		frames[i] = Frame{
			Kind: f.kind, Ignorable: f.ignorable(), Codec: f.codec, Hash: f.hash,
			Payload: [2][]byte{f.payload}, version: f.version,
		}
	}
	return frames
}
