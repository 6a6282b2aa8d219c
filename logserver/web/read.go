package web

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/protocol"
)

// read sends the lines of a read, or events.
func (s *Site) read(a *answer, r *http.Request, name string) *failure {
	m, only, f := request(r, name)
	if f != nil {
		return f
	}
	events := wantsEvents(r)
	if last := r.Header.Get("Last-Event-ID"); events && last != "" {
		n, err := strconv.ParseUint(last, 10, 63)
		if err != nil {
			return badRequest("Last-Event-ID is no index", "send the id of the last event that came, or none")
		}
		m.From = protocol.From{Kind: protocol.FromIndex, Index: n + 1}
	}
	var program *process
	var results *bufio.Reader
	if only.jq != nil {
		if program, results, f = s.startFilter(*only.jq); f != nil {
			return f
		}
	}
	kind := "application/x-ndjson"
	if events {
		kind = "text/event-stream"
		a.Header().Set("X-Accel-Buffering", "no") // for proxies that know it
	}
	a.Header().Set("Content-Type", kind)
	_ = a.control.SetWriteDeadline(time.Time{}) // a slow reader is waited for, as one of lines is
	to := &sink{answer: a, events: events, live: m.Follow, encoder: s.encoder(a, r, m.Follow)}
	defer to.release()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.grant.Revoked(), cancel)()
	r = r.WithContext(ctx)
	if program != nil {
		return s.readThrough(r, m, to, only, program, results)
	}
	if m.Follow {
		_ = a.control.Flush() // the head of the answer, before there is anything to say
	}
	err := s.server.Stream(r.Context(), m, r.RemoteAddr, only.containing(to))
	if errors.Is(err, logserver.ErrNoQuorum) {
		if !to.begun {
			return to.instead(unfinished())
		}
		_, err = to.Write(unfinished().line())
	}
	if err != nil || to.finish() != nil {
		panic(http.ErrAbortHandler) // so that what was cut off does not look complete
	}
	return nil
}

// unfinished is the failure of a read that ends without a quorum.
func unfinished() *failure {
	f := refused(protocol.ErrorNoQuorum)
	f.Remedy = "there may be more: read on when enough nodes can be reached (ringlog cluster status)"
	return f
}

// readThrough sends what a program makes of the lines of a read. Where the program fails
// before there was anything to send, that is a failure; later, the last line.
func (s *Site) readThrough(r *http.Request, m *protocol.Message, to *sink, only filter, program *process, results *bufio.Reader) *failure {
	defer context.AfterFunc(r.Context(), program.kill)()
	defer context.AfterFunc(s.stopping, program.kill)()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	program.copyTo(to, s.options.AnswerTimeout, results, cancel)
	err := s.server.Stream(ctx, m, r.RemoteAddr, only.containing(program))
	f, copied := program.finish()
	if f == nil && errors.Is(err, logserver.ErrNoQuorum) {
		f, err = unfinished(), nil
	}
	if r.Context().Err() != nil || s.stopping.Err() != nil || copied != nil {
		panic(http.ErrAbortHandler)
	}
	switch {
	case f != nil && !to.begun:
		return to.instead(f)
	case f != nil:
		_, err = to.Write(f.line())
	}
	if err != nil || to.finish() != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

func wantsEvents(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// filter says which entries of a read are wanted.
type filter struct {
	contains string  // "": all
	jq       *string // nil: no program
}

// containing puts itself before to, if there is a text that entries have to contain.
func (f *filter) containing(to logserver.Receiver) logserver.Receiver {
	if f.contains == "" {
		return to
	}
	return newContaining(to, f.contains)
}

// request makes a message of a query.
func request(r *http.Request, name string) (m *protocol.Message, only filter, f *failure) {
	m = &protocol.Message{
		Kind: protocol.KindRead, Log: []byte(name), Follow: true,
		From: protocol.From{Kind: protocol.FromIndex, Index: 1},
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, only, badRequest("invalid query", "write it as from=1&follow=false, with % for what is special")
	}
	for key, values := range query {
		value, ok := values[0], len(values) == 1
		switch key {
		case "from":
			var known bool
			m.From, known = protocol.ParseFrom(value)
			ok = ok && known
		case "read":
			n, err := strconv.ParseUint(value, 10, 63)
			m.Read = n
			ok = ok && err == nil && n > 0
		case "follow":
			m.Follow = value == "true"
			ok = ok && isBool(value)
		case "meta":
			m.Meta = value == "true"
			ok = ok && isBool(value)
		case "contains":
			only.contains = value
			ok = ok && value != "" && len(value) <= maxContains && utf8.ValidString(value)
		case "jq":
			only.jq = &value
		default:
			return nil, only, badRequest("unknown parameter in the query", "there are from, read, follow, meta, contains and jq")
		}
		if !ok {
			return nil, only, badRequest("invalid "+key+" in the query",
				"from: an index, -N, a time or an age (-15m); read: 1 or more; follow, meta: true or false; contains: a text; jq: a program; each once")
		}
	}
	return m, only, nil
}

func isBool(value string) bool { return value == "true" || value == "false" }
