package protocol

import (
	"bytes"
	"io"
)

const (
	smallBuffer = 256      // what a quiet connection holds
	largeBuffer = 64 << 10 // the most a busy one holds; only a longer line needs more
	quietReads  = 8        // reads in a row that used little of the buffer: it is halved
)

// LineReader cuts what a connection sends into lines. Reading and cutting are
// apart, so that its owner decides when to block and sees everything that one
// read brought:
//
//	for {
//		if err := l.Fill(); err != nil { … }
//		for line, ok := l.Next(); ok; line, ok = l.Next() { … }
//	}
//
// One goroutine at a time.
type LineReader struct {
	r     io.Reader
	limit int
	err   error // of the last read, when it brought bytes as well

	// buf[start:end] is not yet given out; there is no LF in buf[start:scanned].
	buf                 []byte
	start, scanned, end int

	number  int  // of the last line, those left out counted
	tooLong bool // the next line is longer than limit
	quiet   int  // reads in a row after which at most a quarter of buf was used
}

// NewLineReader returns a reader of the lines of r that are at most limit
// bytes long, the LF or CR LF at their end not counted.
func NewLineReader(r io.Reader, limit int) *LineReader {
	return &LineReader{r: r, limit: limit}
}

// SetLimit changes how long lines may be.
func (l *LineReader) SetLimit(limit int) { l.limit = limit }

// Fill reads from the connection, exactly once. It is called when Next has no
// more, and ends the life of the lines that Next has given out. Errors are
//   - ErrLineTooLong, now and for ever, if what is buffered begins a line
//     longer than the limit: found without reading on; every line before it
//     has been given out by then,
//   - io.EOF or another error of the reader. It is not remembered: after a
//     time-out, Fill may be called again and goes on where it was.
//
// An error that came together with bytes is returned by the Fill after next
// Next has given them out. While Next has lines left, Fill does nothing.
func (l *LineReader) Fill() error {
	if !l.tooLong && l.scanned < l.end {
		return nil
	}
	if l.tooLong || l.over(l.buf[l.start:l.end]) {
		l.tooLong = true
		return ErrLineTooLong
	}
	if err := l.err; err != nil {
		l.err = nil
		return err
	}
	l.makeRoom()
	n, err := l.r.Read(l.buf[l.end:])
	l.end += n
	if l.end <= len(l.buf)/4 {
		l.quiet++
	} else {
		l.quiet = 0
	}
	if n > 0 {
		l.err = err
		return nil
	}
	return err
}

// over tells whether the unfinished line can't end within the limit any more.
// A CR may be the first half of its end.
func (l *LineReader) over(part []byte) bool {
	n := len(part)
	return n > l.limit+1 || n == l.limit+1 && part[n-1] != '\r'
}

// makeRoom brings the unfinished line to the front of a buffer that has room
// behind it: twice as large when the last read filled it, half as large when
// reads have long left it almost empty, and no larger than a busy connection
// needs when a long line is over. A quiet connection that stays quiet is left
// to Shrink.
func (l *LineReader) makeRoom() {
	rest := l.end - l.start
	size := len(l.buf)
	switch {
	case size == 0:
		size = smallBuffer
	case rest == size:
		// A line that fills the buffer. It may become limit+2 bytes long with
		// its end; over has seen to it that there are fewer now.
		size = min(2*size, l.limit+2)
	case l.end == size && size < largeBuffer:
		size = min(8*size, largeBuffer)
	case size > largeBuffer && (rest == 0 || l.quiet >= quietReads && rest < largeBuffer/2):
		size = largeBuffer
	case l.quiet >= quietReads && rest <= size/4 && size > smallBuffer:
		size = max(size/2, smallBuffer)
	}
	l.move(size)
}

// move moves the unfinished line to the front of a buffer of that size.
func (l *LineReader) move(size int) {
	rest := l.buf[l.start:l.end]
	if size != len(l.buf) {
		l.buf = make([]byte, size)
		l.quiet = 0
	} else if l.start == 0 {
		return
	}
	copy(l.buf, rest)
	l.start, l.scanned, l.end = 0, len(rest), len(rest)
}

// Next returns the next whole line, without the LF or CR LF that ended it, or
// false if there is none: it never reads. Lines that are empty or only white
// space are left out. The bytes are the caller's, to overwrite as well, until
// the next Fill.
func (l *LineReader) Next() ([]byte, bool) {
	for !l.tooLong {
		n := bytes.IndexByte(l.buf[l.scanned:l.end], '\n')
		if n < 0 {
			l.scanned = l.end
			break
		}
		end := l.scanned + n
		line := l.buf[l.start:end:end]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) > l.limit {
			l.tooLong = true
			break
		}
		l.start, l.scanned = end+1, end+1
		l.number++
		if !blank(line) {
			return line, true
		}
	}
	return nil, false
}

// blank tells whether a line is empty or only white space.
func blank(line []byte) bool {
	for _, c := range line {
		if !isSpace[c] {
			return false
		}
	}
	return true
}

// Partial returns how many bytes of an unfinished line are buffered. It means
// something when Next has no more.
func (l *LineReader) Partial() int { return l.end - l.start }

// Rest returns what was read and is not yet given out: with Partial, of an unfinished
// line. The bytes are valid until the next Fill.
func (l *LineReader) Rest() []byte { return l.buf[l.start:l.end] }

// Number returns how many lines were given out or left out: the number of the last
// one, from 1.
func (l *LineReader) Number() int { return l.number }

// Size returns how many bytes of memory the buffer takes.
func (l *LineReader) Size() int { return len(l.buf) }

// Shrink gives back the memory that is not needed while nothing comes: for a
// connection that has been quiet for a while. It is a Fill that reads nothing:
// called when Next has no more, it ends the life of the lines given out.
func (l *LineReader) Shrink() {
	if l.scanned < l.end || l.tooLong {
		return
	}
	if size := max(smallBuffer, l.end-l.start); size < len(l.buf) {
		l.move(size)
	}
}
