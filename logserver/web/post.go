package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/protocol"
)

// post appends the lines of a body.
func (s *Site) post(a *answer, r *http.Request, name string) *failure {
	atomic, f := isAtomic(r)
	if f != nil {
		return f
	}
	c, f := conditions(r)
	if f != nil {
		return f
	}
	if !atomic && (c.Key != nil || c.HasAfter) {
		return badRequest("a condition with ?atomic=false", "Idempotency-Key and If-Match are for what is appended all or none")
	}
	w := s.log.NewWriter(name)
	defer w.Close()
	// Who loses the grant is not read from any more.
	defer context.AfterFunc(a.grant.Revoked(), func() { _ = a.control.SetReadDeadline(time.Now()) })()
	if s.stopping.Err() != nil {
		return refused(protocol.ErrorShuttingDown)
	}
	if !w.Hold(0) {
		return refused(protocol.ErrorOverloaded)
	}
	if atomic {
		return s.appendWhole(a, r, w, c)
	}
	return s.appendStream(a, r, w)
}

func isAtomic(r *http.Request) (atomic bool, f *failure) {
	atomic = true
	query, err := url.ParseQuery(r.URL.RawQuery)
	for key, values := range query {
		if key != "atomic" || len(values) != 1 || !isBool(values[0]) {
			return false, badRequest("invalid query", "a POST knows atomic=true (the default) and atomic=false")
		}
		atomic = values[0] == "true"
	}
	if err != nil {
		return false, badRequest("invalid query", "write it as atomic=false")
	}
	return atomic, nil
}

// conditions reads Idempotency-Key, as it is written, and If-Match, a head in quotes.
func conditions(r *http.Request) (c logserver.Conditions, f *failure) {
	if keys := r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		c.Key = []byte(keys[0])
		if !validKey(keys[0]) || len(keys) > 1 {
			return c, badRequest("invalid Idempotency-Key", "send one, of 1 to 256 bytes of UTF-8")
		}
	}
	if matches := r.Header.Values("If-Match"); len(matches) > 0 {
		digits, quoted := strings.CutPrefix(matches[0], `"`)
		digits, closed := strings.CutSuffix(digits, `"`)
		head, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || !quoted || !closed || len(matches) > 1 {
			return c, badRequest("invalid If-Match", `send the head that the log must have, in quotes: If-Match: "44"`)
		}
		c.After, c.HasAfter = head, true
	}
	return c, nil
}

func validKey(key string) bool {
	return len(key) > 0 && len(key) <= protocol.MaxKey && utf8.ValidString(key)
}

// appended is the answer to a POST.
type appended struct {
	Index     uint64 `json:"index"`          // of the first
	Last      uint64 `json:"last,omitempty"` // with atomic=false: others may have appended in between
	Count     uint64 `json:"count"`
	Duplicate bool   `json:"duplicate,omitempty"`
}

// appendWhole appends a body all or none.
func (s *Site) appendWhole(a *answer, r *http.Request, w *logserver.Writer, c logserver.Conditions) *failure {
	b, f := s.open(a, r, s.options.MaxAtomic)
	if f != nil {
		return f
	}
	defer b.close()
	text, f := s.readAll(b, r, w)
	if f != nil {
		return f
	}
	for number, rest := 1, text; len(rest) > 0; number++ {
		line := rest
		if end := indexLF(rest); end >= 0 {
			line, rest = rest[:end], rest[end+1:]
		} else {
			rest = nil
		}
		if f := s.add(w, line); f != nil {
			f.Line = number
			return f
		}
		if n, _ := w.Len(); n > protocol.MaxEntries {
			return tooMuch()
		}
	}
	if n, _ := w.Len(); n == 0 {
		return badRequest("no entry", "send one entry a line")
	}
	w.Submit(c)
	done, err := w.Wait()
	if err != nil {
		return notAppended(err)
	}
	a.Header().Set("ETag", etag(done.First+uint64(done.Count)-1))
	a.json(http.StatusOK, appended{Index: done.First, Count: uint64(done.Count), Duplicate: done.Duplicate})
	return nil
}

// etag is what If-Match takes: an index as an entity tag.
func etag(index uint64) string { return `"` + strconv.FormatUint(index, 10) + `"` }

// readAll reads a body that has a limit.
func (s *Site) readAll(b *body, r *http.Request, w *logserver.Writer) ([]byte, *failure) {
	if r.ContentLength > int64(s.options.MaxAtomic) {
		return nil, tooMuch()
	}
	text := make([]byte, 0, 4<<10)
	for {
		if len(text) == cap(text) {
			text = append(text, make([]byte, len(text))...)[:len(text)]
			if !w.Hold(cap(text)) {
				return nil, refused(protocol.ErrorOverloaded)
			}
		}
		n, err := b.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, b.broken(err)
		}
	}
}

// add puts a line's entry behind the others, unless it is blank.
func (s *Site) add(w *logserver.Writer, line []byte) *failure {
	if isBlank(line) {
		return nil
	}
	entry, err := protocol.Compact(line[:0], line)
	switch {
	case errors.Is(err, protocol.ErrJSON):
		return refused(protocol.ErrorInvalidJSON)
	case err != nil:
		return refused(protocol.ErrorInvalidMessage)
	case len(entry) > s.log.MaxEntry():
		return refused(protocol.ErrorLineTooLong)
	}
	w.Add(entry)
	return nil
}

// notAppended says what to answer to an append that was refused.
func notAppended(err error) *failure {
	var (
		key    *logserver.KeyUsedError
		head   *logserver.HeadError
		reason *logserver.RefusedError
	)
	switch {
	case errors.As(err, &key):
		return &failure{code: http.StatusConflict, Error: protocol.ErrorKeyUsed, Index: &key.Index, Remedy: "it was used for another entry: take a new Idempotency-Key"}
	case errors.As(err, &head):
		return &failure{code: http.StatusPreconditionFailed, Error: "head is " + strconv.FormatUint(head.Head, 10), Head: &head.Head, Remedy: "read what was appended meanwhile, then send it again with the new head"}
	case errors.As(err, &reason):
		return refused(reason.Reason)
	}
	return refused(protocol.ErrorUnknownOutcome)
}
