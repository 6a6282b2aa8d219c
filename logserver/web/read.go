package web

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// read sends the lines of a read, or events.
func (s *Site) read(a *answer, r *http.Request, name string) *failure {
	m, f := request(r, name)
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
	kind := "application/x-ndjson"
	if events {
		kind = "text/event-stream"
		a.Header().Set("X-Accel-Buffering", "no") // for proxies that know it
	}
	a.Header().Set("Content-Type", kind)
	_ = a.control.SetWriteDeadline(time.Time{}) // a slow reader is waited for, as one of lines is
	to := &sink{answer: a, events: events, live: m.Follow, encoder: s.encoder(a, r, m.Follow)}
	defer to.release()
	if m.Follow {
		_ = a.control.Flush() // the head of the answer, before there is anything to say
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.grant.Revoked(), cancel)()
	if err := s.server.Stream(ctx, m, r.RemoteAddr, to); err != nil || to.finish() != nil {
		panic(http.ErrAbortHandler) // so that what was cut off does not look complete
	}
	return nil
}

func wantsEvents(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// request makes a message of a query.
func request(r *http.Request, name string) (*protocol.Message, *failure) {
	m := &protocol.Message{
		Kind: protocol.KindRead, Log: []byte(name), Follow: true,
		From: protocol.From{Kind: protocol.FromIndex, Index: 1},
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("invalid query", "write it as from=1&follow=false, with % for what is special")
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
		default:
			return nil, badRequest("unknown parameter in the query", "there are from, read, follow and meta")
		}
		if !ok {
			return nil, badRequest("invalid "+key+" in the query",
				"from: an index, -N, a time or an age (-15m); read: 1 or more; follow, meta: true or false; each once")
		}
	}
	return m, nil
}

func isBool(value string) bool { return value == "true" || value == "false" }
