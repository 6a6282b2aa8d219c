package web

import (
	"net/http"

	"github.com/ringlog/ringlog/logserver/access"
)

// logHead is a log as GET /logs tells it.
type logHead struct {
	Log   string `json:"log"`
	First uint64 `json:"first"`
	Head  uint64 `json:"head"`
}

// logs tells which logs there are, and their heads.
func (s *Site) logs(a *answer, _ *http.Request) *failure {
	heads := s.log.Heads()
	list := make([]logHead, 0, len(heads))
	for _, h := range heads {
		if a.grant.May(access.Read|access.Append, h.Log) {
			list = append(list, logHead{h.Log, 1, h.Head})
		}
	}
	a.json(http.StatusOK, map[string][]logHead{"logs": list})
	return nil
}

// head tells a log's head as an entity tag, which If-Match takes.
func (s *Site) head(a *answer, name string) *failure {
	a.Header().Set("ETag", etag(s.log.HeadOf(name)))
	a.Header().Set("Content-Type", "application/x-ndjson")
	a.WriteHeader(http.StatusOK)
	return nil
}

// front says what this is, to those who look at it with a browser.
func front(a *answer, _ *http.Request) *failure {
	a.text(`Ringlog, an append-only log.

  curl --data-binary '{"hello":"world"}' http://HOST:8089/logs/main    append
  curl 'http://HOST:8089/logs/main?from=1&follow=false'                read
  curl -N http://HOST:8089/logs/main                                   read on
  curl http://HOST:8089/logs                                           logs and heads

/metrics /livez /readyz; the rest is in docs/HTTP.md.
`)
	return nil
}
