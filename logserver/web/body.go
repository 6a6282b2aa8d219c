package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// body is the body of a request: decompressed, and not waited for longer than its limits.
// It is read by one goroutine; close ends it.
type body struct {
	io.ReadCloser
	wire    *patientReader
	release func() bool
}

// errTooMuch says that a body is longer than it may be.
var errTooMuch = errors.New("web: the body is too long")

// open makes the body readable, of at most limit bytes; 0: of any length.
func (s *Site) open(a *answer, r *http.Request, limit int) (*body, *failure) {
	wire := &patientReader{from: r.Body, answer: a, site: s}
	plain, err := decoded(wire, r.Header.Get("Content-Encoding"))
	if err != nil {
		return nil, &failure{code: http.StatusUnsupportedMediaType, Error: "unknown content encoding", Remedy: "send it plain, or compressed with gzip or zstd", closes: true}
	}
	b := &body{plain, wire, context.AfterFunc(s.stopping, wire.hurry)}
	if limit > 0 {
		b.ReadCloser = &limited{plain, limit}
	}
	return b, nil
}

func (b *body) close() {
	b.release()
	_ = b.Close() // it was only read
}

// patientReader sets a deadline for each read.
type patientReader struct {
	from   io.Reader
	answer *answer
	site   *Site
	err    error // of the last read
}

func (p *patientReader) Read(b []byte) (n int, err error) {
	_ = p.answer.control.SetReadDeadline(time.Now().Add(p.site.options.BodyTimeout))
	if p.site.stopping.Err() != nil {
		p.hurry()
	}
	n, p.err = p.from.Read(b)
	return n, p.err
}

func (p *patientReader) hurry() {
	_ = p.answer.control.SetReadDeadline(time.Now().Add(p.site.options.StopGrace))
}

// limited gives no more than left bytes.
type limited struct {
	io.ReadCloser
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if len(p) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if n > l.left {
		return l.left, errTooMuch
	}
	l.left -= n
	return n, err
}

// tooMuch is the answer to a body that is longer than it may be.
func tooMuch() *failure {
	return &failure{code: http.StatusRequestEntityTooLarge, closes: true, Error: "body too large",
		Remedy: "10,000 lines and 8 MiB are appended all or none; with ?atomic=false there may be any number, appended as they are read"}
}

// broken says what to answer when a body could not be read to its end.
func (b *body) broken(err error) *failure {
	var f *failure
	switch {
	case errors.Is(err, protocol.ErrLineTooLong):
		f = refused(protocol.ErrorLineTooLong)
	case errors.Is(err, errTooMuch):
		f = tooMuch()
	case b.wire.err == nil || errors.Is(b.wire.err, io.EOF):
		f = badRequest("the body is not what its Content-Encoding says", "compress it anew, or send it plain")
	case b.wire.site.stopping.Err() != nil:
		f = refused(protocol.ErrorShuttingDown)
	case errors.Is(err, os.ErrDeadlineExceeded):
		f = &failure{code: http.StatusRequestTimeout, Error: "the body does not come", Remedy: "send it again, faster"}
	default:
		f = badRequest("the body broke off", "send it again")
	}
	f.closes = true
	return f
}
