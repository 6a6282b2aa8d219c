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
	Bytes *int64 `json:"bytes,omitempty"` // about
}

// logs tells which logs there are, and their heads.
func (s *Site) logs(a *answer, _ *http.Request) *failure {
	heads := s.log.Heads()
	list := make([]logHead, 0, len(heads))
	for i, h := range heads {
		if a.grant.May(access.Read|access.Append, h.Log) {
			list = append(list, logHead{Log: h.Log, First: 1, Head: h.Head})
			if h.About >= 0 {
				list[len(list)-1].Bytes = &heads[i].About
			}
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
