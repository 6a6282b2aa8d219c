package web

import (
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// ServeHTTP checks who asks, finds what is asked for, and counts the answer.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, control: http.NewResponseController(w), code: http.StatusOK}
	_ = a.control.SetWriteDeadline(time.Now().Add(s.options.AnswerTimeout))
	if r.ContentLength != 0 { // also of a body that nobody reads
		_ = a.control.SetReadDeadline(time.Now().Add(s.options.BodyTimeout))
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	name := "none"
	defer func() { s.requests.WithLabelValues(name, class(a.code)).Inc() }()
	if f := s.refuse(r); f != nil {
		a.fail(f)
		return
	}
	to, ok := s.route(r.URL.Path)
	if !ok {
		a.fail(&failure{code: http.StatusNotFound, Error: "no such path", Remedy: "see docs/HTTP.md: /logs, /logs/NAME, /metrics, /livez, /readyz"})
		return
	}
	name = to.name
	handle := to.methods[r.Method]
	if handle == nil {
		a.Header().Set("Allow", to.allow())
		a.fail(&failure{code: http.StatusMethodNotAllowed, Error: "method not allowed here", Remedy: "use " + to.allow()})
		return
	}
	if r.Method != http.MethodPost && r.ContentLength != 0 {
		a.fail(&failure{code: http.StatusBadRequest, Error: "a body where none belongs", Remedy: "only a POST has one", closes: true})
		return
	}
	if f := handle(a, r); f != nil {
		a.fail(f)
	}
}

// refuse tells why a request is not even looked at.
func (s *Site) refuse(r *http.Request) *failure {
	p := r.URL.Path
	switch {
	case peer(r).WantsTLS && !(peer(r).Local && isHealth(p)):
		return &failure{code: http.StatusForbidden, Error: protocol.ErrorTLSWanted, Remedy: "write https:// in place of http://", closes: true}
	case !localName(r):
		return foreignName()
	case s.cross.Check(r) != nil:
		return &failure{code: http.StatusForbidden, Error: "cross-site request", Remedy: "a page of another site may not append"}
	case p == "" || p[0] != '/' || path.Clean(p) != p || strings.ContainsAny(p, "\x00\\"):
		return &failure{code: http.StatusNotFound, Error: "no such path", Remedy: "write the path plainly: without //, . and .."}
	}
	return nil
}

func foreignName() *failure {
	return &failure{code: http.StatusForbidden, Error: "foreign host name on a loopback address", Remedy: "use localhost, 127.0.0.1 or [::1]; a proxy has to send one of them as Host"}
}

// isHealth tells whether a path is one that probes ask, who have no certificate.
func isHealth(path string) bool { return path == "/livez" || path == "/readyz" }

// localName tells whether a request to a loopback address names this machine: a page
// elsewhere whose name was made to lead here (DNS rebinding) does not.
func localName(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || r.Host == "" || !isLoopback(local.String()) {
		return true
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || isLoopback(net.JoinHostPort(strings.Trim(host, "[]"), "0"))
}

// isLoopback tells whether an address with a port is of this machine alone.
func isLoopback(address string) bool {
	a, err := netip.ParseAddrPort(address)
	return err == nil && a.Addr().Unmap().IsLoopback()
}
