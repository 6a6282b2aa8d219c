package web

import (
	"bytes"
	"io"
	"time"
)

// sink is the logserver.Receiver of a read: lines go out as they are, or as events.
type sink struct {
	answer  *answer
	events  bool
	live    bool     // flush what was written: nobody knows when more comes
	encoder *encoder // nil: plain
	begun   bool     // something was written
	buf     []byte
}

var indexPrefix = []byte(`{"index":`)

// Write takes whole lines.
func (s *sink) Write(p []byte) (int, error) {
	out := p
	s.begun = true
	if s.events {
		s.buf = appendEvents(s.buf[:0], p)
		out = s.buf
	}
	var to io.Writer = s.answer
	if s.encoder != nil {
		to = s.encoder
	}
	if _, err := to.Write(out); err != nil {
		return 0, err
	}
	if s.live {
		if err := s.answer.control.Flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// appendEvents makes an event of each line; that of an entry has its index as id, so that
// a client that comes again goes on behind it.
func appendEvents(dst, lines []byte) []byte {
	for line := range bytes.Lines(lines) {
		if rest, ok := bytes.CutPrefix(line, indexPrefix); ok {
			if end := bytes.IndexByte(rest, ','); end > 0 {
				dst = append(append(append(dst, "id: "...), rest[:end]...), '\n')
			}
		}
		dst = append(append(append(dst, "data: "...), line...), '\n')
	}
	return dst
}

// SetWriteDeadline implements logserver.Receiver.
func (s *sink) SetWriteDeadline(t time.Time) error { return s.answer.control.SetWriteDeadline(t) }

// instead makes a failure the answer, where nothing was written.
func (s *sink) instead(f *failure) *failure {
	s.answer.Header().Del("Content-Encoding")
	return f
}

// finish sends what an encoder still holds.
func (s *sink) finish() error {
	if s.encoder == nil {
		return nil
	}
	return s.encoder.Close()
}

func (s *sink) release() {
	if s.encoder != nil {
		s.encoder.release()
	}
}
