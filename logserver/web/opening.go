package web

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// opening answers for a log that is being opened.
type opening struct {
	done, size atomic.Int64 // bytes of the segments that were read, and that are to be
	waits      atomic.Value // a string: what for, before anything is read; "", or nothing: it doesn't
	metrics    http.Handler
	guarded    bool // and not told
}

// Progress is for logserver.Options.
func (o *opening) Progress(done, size int64) {
	o.size.Store(size)
	o.done.Store(done)
}

// Waiting says why the log isn't even being opened yet, and what to do; "": it is from now on.
func (o *opening) Waiting(reason string) { o.waits.Store(reason) }

// reason says why nobody is served yet.
func (o *opening) reason() error {
	if reason, _ := o.waits.Load().(string); reason != "" {
		return errors.New(reason)
	}
	return fmt.Errorf("the log is being opened, %d %% of what a start reads has been read", int(100*o.ratio()))
}

// ratio is how much of the segments has been read, from 0 to 1.
func (o *opening) ratio() float64 {
	if size := o.size.Load(); size > 0 {
		return float64(o.done.Load()) / float64(size)
	}
	return 0
}

// makeMetrics registers what can be told already.
func (o *opening) makeMetrics(version string) {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		gauge("ringlog_ready", "1 when /readyz says so.", func() float64 { return 0 }),
		gauge("ringlog_opening_ratio", "How much of the segments has been read, while the log is being opened.", o.ratio),
		buildInfo(version), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	o.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 8})
}

func buildInfo(version string) prometheus.Collector {
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ringlog_build_info", Help: "1, with the version.",
	}, []string{"version", "goversion"})
	build.WithLabelValues(version, runtime.Version()).Set(1)
	return build
}

// ServeHTTP answers what can be answered: see Lobby.
func (o *opening) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := &answer{ResponseWriter: w, control: http.NewResponseController(w), code: http.StatusOK}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case !localName(r):
		a.fail(foreignName())
	case r.URL.Path == "/livez":
		a.text(alive)
	case r.URL.Path == "/metrics" && !o.guarded:
		o.metrics.ServeHTTP(a, r)
	default:
		a.fail(notReady(o.reason()))
	}
}
