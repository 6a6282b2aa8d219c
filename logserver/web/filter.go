package web

import (
	"bytes"
	"io"
	"regexp"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/web/jq"
)

// maxContains is how many bytes the text of ?contains= may have.
const maxContains = 1 << 10

// containing passes the lines whose entry has a text in it, in upper or lower case, and
// those without an entry.
type containing struct {
	logserver.Receiver
	text *regexp.Regexp
	buf  []byte
}

func newContaining(to logserver.Receiver, text string) *containing {
	return &containing{Receiver: to, text: regexp.MustCompile("(?i)" + regexp.QuoteMeta(text))}
}

func (c *containing) Write(p []byte) (int, error) {
	c.buf = c.buf[:0]
	for line := range bytes.Lines(p) {
		if _, entry, ok := jq.Split(line); !ok || c.text.Match(entry) {
			c.buf = append(c.buf, line...)
		}
	}
	if len(c.buf) == 0 {
		return len(p), nil
	}
	if _, err := c.Receiver.Write(c.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// lines gives a Writer that takes any pieces whole lines.
type lines struct {
	to   io.Writer
	half []byte
}

func (l *lines) Write(p []byte) (int, error) {
	end := bytes.LastIndexByte(p, '\n') + 1
	if end == 0 {
		l.half = append(l.half, p...)
		return len(p), nil
	}
	whole := p[:end]
	if len(l.half) > 0 {
		whole = append(l.half, whole...)
	}
	_, err := l.to.Write(whole)
	l.half = append(l.half[:0], p[end:]...)
	return len(p), err
}
