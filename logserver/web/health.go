package web

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// makeMetrics registers what /metrics tells: the Server's, the process's, and how many
// requests there were, by route and by class of status.
func (s *Site) makeMetrics() {
	s.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ringlog_http_requests_total", Help: "Requests that were answered, by what they were for and the class of their status.",
	}, []string{"route", "code"})
	s.registry = prometheus.NewRegistry()
	s.registry.MustRegister(s.server, s.requests, buildInfo(s.options.Version),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics = promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 8})
}

func (s *Site) showMetrics(a *answer, r *http.Request) *failure {
	s.metrics.ServeHTTP(a, r)
	return nil
}

// livez is answered as long as the process answers anything.
func (s *Site) livez(a *answer, _ *http.Request) *failure {
	a.text(alive)
	return nil
}

const alive = "alive\n"

func (s *Site) readyz(a *answer, _ *http.Request) *failure {
	if err := s.ready(); err != nil {
		return notReady(err)
	}
	a.text("ready\n")
	return nil
}

func notReady(reason error) *failure {
	return &failure{code: http.StatusServiceUnavailable, Error: "not ready: " + reason.Error(), Remedy: "ask again; the server's log says more"}
}

func (s *Site) ready() error {
	if err := s.server.Ready(); err != nil {
		return err
	}
	return s.stopping.Err()
}

func (a *answer) text(text string) {
	a.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(a, text) // who is gone is gone
}
