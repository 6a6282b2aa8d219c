package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/bits"

	"github.com/ringlog/ringlog/blobstore"
)

// A survey reads one file from begin to end, and mends what it can't read past.
type survey struct {
	x       *examination
	c       *candidate
	bounds  bounds
	from    int   // damages before this file
	durable int64 // of the last file: known up to now
	w       *walker
}

// length is how far the file is to be read. Where it is too short, it reads as zeroes.
func (s *survey) length() int64 {
	size := s.c.file.size
	if end := s.bounds.end.Offset; end > 0 {
		s.reach(end, "it must have %d bytes, says the file after it")
		return end
	}
	if !s.bounds.last {
		return size
	}
	s.durable = s.c.head.born
	if m := &s.x.mark; m.Segment == s.c.number {
		s.durable = max(s.durable, m.Offset)
	}
	s.reach(s.durable, "it was durable up to %d")
	if s.x.options.Marked {
		return s.durable
	}
	return s.c.file.size
}

// reach makes the file as long as it must be.
func (s *survey) reach(end int64, why string) {
	if size := s.c.file.size; size < end {
		s.x.repair.found(s.c.name, size, end-size, fmt.Sprintf(why, end))
		s.c.file.patch(end, nil)
	}
}

func (s *survey) run() (point, error) {
	s.w = newWalker(s.c.file, s.c.salt, s.c.head.start(), s.length())
	for !s.done() {
		err := s.w.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if bad := (*flaw)(nil); errors.As(err, &bad) {
			ends, err := s.mend(bad)
			if err != nil {
				return point{}, err
			}
			if ends {
				break
			}
			continue
		}
		if err != nil {
			return point{}, fmt.Errorf("read %s: %w", s.c.name, err)
		}
		s.read()
	}
	return s.end()
}

// done reports whether the file's last batch was read, if its number is all that is known
// of the end.
func (s *survey) done() bool {
	return s.bounds.batch > 0 && s.bounds.end.Offset == 0 && s.w.batch >= s.bounds.batch
}

func (s *survey) read() {
	size := int64(0)
	for i := range s.w.frames {
		s.durable = max(s.durable, s.w.frames[i].durable)
		size += frameSize(s.w.frames[i].length)
	}
	if s.x.options.Progress != nil {
		s.x.options.Progress(size)
	}
}

// end checks that the file ended as the next one says.
func (s *survey) end() (point, error) {
	to := s.w.point
	if want := s.bounds.end; want.Offset > 0 && (to.batch != want.batch || !s.w.loose && to != want) {
		return to, unrepairable(s.c.name, to.Offset,
			"its frames are not those that the stream goes on from; if there is no better copy, move the file away and repair again")
	}
	return to, nil
}

// mend makes the file one that can be read past a flaw. ends reports that the file ends
// there instead: what is behind was never durable.
func (s *survey) mend(bad *flaw) (ends bool, err error) {
	w := s.w
	defer func() { w.window = window{file: s.c.file, end: w.window.end} }() // it holds the bytes of before
	next, err := s.next(bad.offset)
	if err != nil {
		return false, err
	}
	known := s.bounds.end.Offset > 0
	if !known && w.Offset >= s.durable && (next.at == 0 || next.batch <= w.batch+1) {
		return true, nil
	}
	if bad.header.kind != 0 {
		return false, s.mendPayload(bad)
	}
	if ok, err := s.mendHeader(bad); ok || err != nil {
		return false, err
	}
	return false, s.putGap(bad, next)
}

// next finds the next frame behind an offset that can be of this file. Its position is 0 if
// there is none.
func (s *survey) next(from int64) (header, error) {
	file, end := s.c.file, s.w.window.end
	buf := make([]byte, max(0, min(readAhead, end-from)))
	for at := from + frameAlign; at < end; at += int64(len(buf)) {
		p, err := readFull(file, buf[:min(int64(len(buf)), end-at)], at)
		if err != nil || len(p) == 0 {
			return header{}, err
		}
		for i := 0; i < len(p); i += frameAlign {
			if h, ok := headerAt(file, p[i:], s.c.salt, at+int64(i)); ok && s.follows(&h) {
				return h, nil
			}
		}
	}
	return header{}, nil
}

// follows reports whether a frame can come next, but for what lies between.
func (s *survey) follows(h *header) bool {
	if len(s.w.frames) > 0 && h.batch == s.w.frames[0].batch {
		return h.ordinal > 0
	}
	return h.batch > s.w.batch || h.batch == s.w.batch && s.w.ragged && h.ordinal > 0
}

// mendHeader corrects the one wrong byte of a frame's header. The checksum of the payload,
// too, must then be right.
func (s *survey) mendHeader(bad *flaw) (bool, error) {
	p, err := readFull(s.c.file, make([]byte, frameHeader), bad.offset)
	if err != nil || len(p) < frameHeader || !mendSummed(p, s.c.salt) {
		return false, err
	}
	h, ok := parseHeader(p, s.c.salt, bad.offset)
	if !ok || !s.w.expected(&h) || frameSize(h.length) > s.w.window.end-bad.offset {
		return false, nil
	}
	payload, err := readFull(s.c.file, make([]byte, h.length), bad.offset+frameHeader)
	if err != nil || crc32.Checksum(payload, castagnoli) != h.payloadCRC {
		return false, err
	}
	s.c.file.patch(bad.offset, p)
	s.x.repair.found(s.c.name, bad.offset, frameHeader, bad.detail)
	return true, nil
}

// mendPayload corrects the one wrong byte of a payload, or else marks the frame as lost.
func (s *survey) mendPayload(bad *flaw) error {
	h, at := &bad.header, bad.offset+frameHeader
	payload, err := readFull(s.c.file, make([]byte, h.length), at)
	if err != nil {
		return err
	}
	s.x.repair.found(s.c.name, bad.offset, frameSize(h.length), bad.detail)
	if i, wrong, ok := wrongByte(payload, crc32.Checksum(payload, castagnoli), h.payloadCRC); ok {
		payload[i] ^= wrong
		if proven(h.kind, payload, wrong) {
			s.c.file.patch(at+int64(i), payload[i:i+1])
			return nil
		}
	}
	p, err := readFull(s.c.file, make([]byte, frameHeader), bad.offset)
	if err != nil {
		return err
	}
	s.x.repair.lose(h.kind, blobstore.Place{Segment: s.c.number, Offset: bad.offset, Length: uint32(h.length)})
	s.c.file.patch(bad.offset, withFlags(p, h.flags|flagLost, s.c.salt))
	return nil
}

// proven reports whether a payload in which one byte was corrected is beyond doubt what was
// written. Content proves itself by its digests. Of anything else only a single bit
// of a short payload is taken: that more was wrong, and looks like that, has a chance of one
// in a million.
func proven(kind Kind, payload []byte, wrong byte) bool {
	if kind != KindContent {
		return bits.OnesCount8(wrong) == 1 && len(payload) <= 512
	}
	var m blobstore.Manifest
	if m.Parse(payload) != nil {
		return false
	}
	for i := range m.Len() {
		if blobstore.Sum(m.Entry(i)) != m.Digest(i) {
			return false
		}
	}
	return true
}

// putGap puts a gap where no frame can be told, up to the next frame.
func (s *survey) putGap(bad *flaw, next header) error {
	to, batch := next.at, next.batch
	switch {
	case to > 0 && next.ordinal == 0:
		batch--
	case to > 0:
	case s.bounds.end.Offset > 0:
		to, batch = s.bounds.end.Offset, s.bounds.end.batch
	case s.bounds.last && s.x.mark.Position == (Position{s.c.number, s.durable}):
		to, batch = s.durable, s.x.mark.batch
	default:
		to, batch = max(s.durable, bad.offset+frameHeader), s.w.batch+1
	}
	if to-bad.offset < frameHeader || to-bad.offset > MaxPayload {
		return unrepairable(s.c.name, bad.offset, "%s, and the next one begins at %d", bad.detail, to)
	}
	s.x.repair.found(s.c.name, bad.offset, to-bad.offset, bad.detail)
	s.x.repair.lose(KindGap, blobstore.Place{Segment: s.c.number, Offset: bad.offset, Length: uint32(to - bad.offset - frameHeader)})
	s.c.file.patch(bad.offset, gap(bad.offset, to, batch, s.c.salt))
	return nil
}
