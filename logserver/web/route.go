package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/protocol"
)

// handler answers a request, or returns what is wrong with it.
type handler func(*answer, *http.Request) *failure

// route is what a path leads to; its name is a label of the metrics.
type route struct {
	name    string
	methods map[string]handler
}

func get(name string, h handler) route {
	return route{name, map[string]handler{http.MethodGet: h, http.MethodHead: h}}
}

// with adds a method.
func (r route) with(method string, h handler) route {
	r.methods[method] = h
	return r
}

func (r route) allow() string {
	return strings.Join(slices.Sorted(maps.Keys(r.methods)), ", ")
}

// route says what there is under a path.
func (s *Site) route(path string) (route, bool) {
	switch path {
	case "/":
		return get("front", s.front).with(http.MethodPost, s.allowed(access.Append, protocol.MainLog, s.allData)), true
	case "/logs":
		return get("logs", s.known(s.logs)), true
	case "/status":
		return get("status", s.allowed(access.Read|access.Admin, anyLog, s.showStatus)), true
	case "/metrics":
		return get("metrics", s.allowed(access.Read|access.Admin, anyLog, s.showMetrics)), true
	case "/livez":
		return get("livez", s.livez), true
	case "/readyz":
		return get("readyz", s.readyz), true
	}
	if file := s.assets[strings.TrimPrefix(path, "/")]; file != nil {
		return get("page", func(a *answer, r *http.Request) *failure { return s.asset(a, r, file) }), true
	}
	if name, ok := strings.CutPrefix(path, "/blobs/"); ok {
		d, err := blobstore.ParseDigest(name)
		return get("blob", s.allowed(access.Read, anyLog, func(a *answer, _ *http.Request) *failure { return s.blob(a, d) })), err == nil
	}
	name, ok := strings.CutPrefix(path, "/logs/")
	if !ok || !protocol.ValidLog(name) {
		return route{}, false
	}
	return get("log", s.allowed(access.Read, name, func(a *answer, r *http.Request) *failure { return s.read(a, r, name) })).
		with(http.MethodHead, s.allowed(access.Read|access.Append, name, func(a *answer, _ *http.Request) *failure { return s.head(a, name) })).
		with(http.MethodPost, s.allowed(access.Append, name, func(a *answer, r *http.Request) *failure { return s.post(a, r, name) })), true
}
