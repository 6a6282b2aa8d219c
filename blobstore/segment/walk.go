package segment

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// flaw is why the bytes at an offset are not a whole, valid batch. Whether that is a
// torn tail or damage is for others to say.
type flaw struct {
	offset int64
	detail string
	header header // of the frame, if only its payload is bad
}

func (f *flaw) Error() string { return fmt.Sprintf("offset %d: %s", f.offset, f.detail) }

// frame is a frame that was read.
type frame struct {
	header
	payload []byte // valid until the next call of next
	flaw    *flaw  // what is wrong with the payload, when the walker forgives that
}

// A walker reads the batches of a file one after the other.
type walker struct {
	point          // where the next batch begins
	frames []frame // of the batch that next read
	first  uint16  // ordinal of the first of them: 0, except behind a gap
	offset []int64 // of their payloads, in the file
	window window  // the bytes around it
	salt   uint32  // of the headers' checksums
	hash   hash.Hash
	// forgiving: a content frame whose header is good and whose payload is not is given
	// with its flaw, and is no flaw of the batch.
	forgiving bool
	// tolerant: the same for frames of every kind.
	tolerant bool
	// adrift: the number of the batch at the point is not known; the first one read
	// tells it.
	adrift bool
	// ragged: a gap ends at the point, so the batch there may lack its first frames.
	ragged bool
	// loose: there was a gap, so the chain is not the one that the file was written with.
	loose bool
}

func newWalker(file io.ReaderAt, salt uint32, from point, end int64) *walker {
	return &walker{
		point:  from,
		window: window{file: file, end: end},
		salt:   salt,
		hash:   sha256.New(),
	}
}

// next reads one batch into frames and moves the point behind it. At the end of what is
// to be read it returns io.EOF; for bytes that are no batch a *flaw, and the point
// stays; any other error is the file's.
func (w *walker) next() error {
	if w.Offset >= w.window.end {
		return io.EOF
	}
	w.frames, w.offset = w.frames[:0], w.offset[:0]
	w.first = 0
	w.hash.Reset()
	w.hash.Write(w.chain[:])
	at := w.Offset
	for done := false; !done; {
		h, err := w.frame(at)
		if err != nil {
			return err
		}
		at += frameSize(h.length)
		done = h.last()
	}
	start := w.window.at
	for i := range w.frames {
		if f := &w.frames[i]; !f.lost() {
			f.payload = w.window.buf[w.offset[i]-start:][:f.length:f.length]
		}
	}
	last := &w.frames[len(w.frames)-1]
	w.batch, w.adrift, w.ragged = last.batch, false, last.kind == KindGap
	w.loose = w.loose || w.ragged
	w.hash.Sum(w.chain[:0])
	w.Offset = at
	return nil
}

// frame reads the batch's next frame, which begins at an offset.
func (w *walker) frame(at int64) (header, error) {
	p, err := w.window.get(w.Offset, at, frameHeader)
	if err != nil {
		return header{}, err
	}
	h, ok := parseHeader(p, w.salt, at)
	if !ok {
		return header{}, &flaw{offset: at, detail: "no frame begins here"}
	}
	if !w.expected(&h) {
		return header{}, &flaw{offset: at, detail: fmt.Sprintf("frame %d of batch %d is not the next one", h.ordinal, h.batch)}
	}
	w.hash.Write(h.written(p, w.salt))
	f := frame{header: h}
	if h.lost() {
		if frameSize(h.length) > w.window.end-at {
			return header{}, &flaw{offset: at, detail: "the file ends within a frame"}
		}
		f.flaw = &flaw{at, markedLost, h}
	} else {
		payload, err := w.window.get(w.Offset, at+frameHeader, h.length)
		if err != nil {
			return header{}, err
		}
		if crc32.Checksum(payload, castagnoli) != h.payloadCRC {
			f.flaw = &flaw{at, fmt.Sprintf("the payload of a frame of batch %d is not what was written", h.batch), h}
			if !w.tolerant && (!w.forgiving || h.kind != KindContent) {
				return header{}, f.flaw
			}
		}
	}
	if len(w.frames) == 0 {
		w.first = h.ordinal
	}
	w.frames = append(w.frames, f)
	w.offset = append(w.offset, at+frameHeader)
	return h, nil
}

// expected reports whether the frame is the one that must come now.
func (w *walker) expected(h *header) bool {
	switch {
	case h.kind == KindGap:
		return h.lost() && h.last() && (w.adrift || h.batch >= w.batch)
	case len(w.frames) > 0:
		return h.batch == w.frames[0].batch && int(h.ordinal) == int(w.first)+len(w.frames)
	case w.ragged && (w.adrift || h.batch == w.batch && h.ordinal > 0):
		return true
	}
	return h.ordinal == 0 && (w.adrift || h.batch == w.batch+1)
}

// window is the part of a file that is in memory.
type window struct {
	file io.ReaderAt
	end  int64 // nothing beyond is looked at
	at   int64 // where buf begins in the file
	buf  []byte
}

// readAhead is what a window reads at least, unless it comes to the end.
const readAhead = 256 << 10

// get returns n bytes at an offset, and keeps in memory everything from keep on. What it
// returned before may have moved.
func (w *window) get(keep, at, n int64) ([]byte, error) {
	if n > w.end-at {
		return nil, &flaw{offset: at, detail: "the file ends within a frame"}
	}
	if at+n > w.at+int64(len(w.buf)) || keep < w.at {
		if err := w.load(keep, at+n); err != nil {
			return nil, err
		}
		if at+n > w.at+int64(len(w.buf)) {
			return nil, &flaw{offset: at, detail: "the file ends within a frame"}
		}
	}
	return w.buf[at-w.at:][:n], nil
}

// load makes the window begin at keep and reach to upTo, if the file does. Of a batch that is kept from its
// beginning on it reads as much more as there is: a batch may have very many frames.
func (w *window) load(keep, upTo int64) error {
	have := 0
	if from := keep - w.at; from >= 0 && from < int64(len(w.buf)) {
		have = copy(w.buf, w.buf[from:])
	}
	want := int(min(max(upTo, keep+readAhead, keep+2*int64(have)), w.end) - keep)
	if cap(w.buf) < want {
		w.buf = append(make([]byte, 0, want), w.buf[:have]...)
	}
	w.buf, w.at = w.buf[:want], keep
	read, err := readFull(w.file, w.buf[have:], keep+int64(have))
	w.buf = w.buf[:have+len(read)]
	return err
}

// search looks through the bytes from an offset to the end, for what tells a torn tail
// from damage: later is where a frame of a batch after the given one lies, 0 if none
// does; last is the end of the last word that is not zero, from if all are.
func search(file io.ReaderAt, salt uint32, batch uint64, from, end int64) (later, last int64, err error) {
	buf := make([]byte, max(0, min(readAhead, end-from)))
	last = from
	for at := from; at < end; {
		p, err := readFull(file, buf[:min(int64(len(buf)), end-at)], at)
		if err != nil || len(p) == 0 {
			return 0, last, err
		}
		for i := 0; i < len(p); i += frameAlign {
			word := p[i:min(i+frameAlign, len(p))]
			if allZero(word) {
				continue
			}
			last = at + int64(i+len(word))
			if h, ok := headerAt(file, p[i:], salt, at+int64(i)); ok && h.batch > batch && later == 0 {
				later = at + int64(i)
			}
		}
		at += int64(len(p))
	}
	return later, last, nil
}

// headerAt parses the header at the beginning of p, which may be cut off there.
func headerAt(file io.ReaderAt, p []byte, salt uint32, at int64) (header, bool) {
	if len(p) < 4 || binary.LittleEndian.Uint32(p) != frameMagic {
		return header{}, false
	}
	if len(p) < frameHeader {
		p = make([]byte, frameHeader)
		if n, err := file.ReadAt(p, at); n < frameHeader && err != nil {
			return header{}, false
		}
	}
	return parseHeader(p, salt, at)
}

func allZero(p []byte) bool {
	if len(p) == 8 {
		return binary.LittleEndian.Uint64(p) == 0
	}
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
