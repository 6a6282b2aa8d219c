package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errTooLong is about one line; those behind it can still be read.
var errTooLong = errors.New("line too long")

// lineReader gives the lines of a file one by one. It never holds more than limit bytes of a line,
// however long that is.
type lineReader struct {
	buffered *bufio.Reader
	limit    int
	long     []byte // a line that was longer than the buffer
	number   int
}

func newLineReader(r io.Reader, limit int) *lineReader {
	return &lineReader{buffered: bufio.NewReaderSize(r, 256<<10), limit: limit}
}

// next returns the next line without LF or CR LF, valid until the next call. errTooLong: it was
// longer than the limit, and is skipped. A last line may lack its LF. At the end: io.EOF.
func (l *lineReader) next() ([]byte, error) {
	line, err := l.buffered.ReadSlice('\n')
	if len(line) > 0 {
		l.number++
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = l.rest(line)
	}
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) > l.limit {
		return nil, errTooLong
	}
	return line, nil
}

// rest reads on to the end of a line that begins with start, keeping no more than tells that it is
// too long.
func (l *lineReader) rest(start []byte) ([]byte, error) {
	l.long = append(l.long[:0], start...)
	for {
		part, err := l.buffered.ReadSlice('\n')
		if room := l.limit + 3 - len(l.long); room > 0 {
			l.long = append(l.long, part[:min(room, len(part))]...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return l.long, err
		}
	}
}
