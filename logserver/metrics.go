package logserver

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// metrics is what the Log counts as it goes: by the batch, never by the entry. What has a
// value anyway is looked up when somebody asks (collect.go).
type metrics struct {
	batches, appends, duplicates, entries, bytes atomic.Uint64
	applied                                      atomic.Uint64 // Raft index of the last decision
	given                                        atomic.Uint64 // bytes of content, to other nodes that read it

	flush, commit prometheus.Histogram
	refused       *prometheus.CounterVec // by reason
	troubled      *prometheus.CounterVec // by trouble
}

// trouble is a kind of what goes wrong in the server, whatever a client is told of it. Each
// has log lines, which are rate-limited; this is counted.
type trouble string

const (
	troubleAccept      trouble = "accept"               // no connection can be accepted
	troubleConnections trouble = "too many connections" // one was closed
	troubleHalfLine    trouble = "half a line"          // a connection was dropped for it
	troubleMemory      trouble = "memory"               // a connection was dropped for it
	troubleDiskFull    trouble = "disk full"            // a batch was refused
	troubleFiles       trouble = "open files"           // a batch was refused
	troubleSlowDisk    trouble = "slow disk"            // a write took longer than DiskWarning
	troubleIndex       trouble = "index"                // it can't be written for now
	troubleTable       trouble = "table of digests"     // it can't be made for now
	troubleDamage      trouble = "damage"               // met by a read, or new to the scrub
	troubleAway        trouble = "away"                 // content that no node could give to a read
	troubleRead        trouble = "read"                 // a connection was closed for it
	troubleScrub       trouble = "scrub"                // it can't go on for now
)

var troubles = []trouble{
	troubleAccept, troubleConnections, troubleHalfLine, troubleMemory, troubleDiskFull, troubleFiles, troubleSlowDisk,
	troubleIndex, troubleTable, troubleDamage, troubleAway, troubleRead, troubleScrub,
}

// trouble counts one.
func (m *metrics) trouble(kind trouble) { m.troubled.WithLabelValues(string(kind)).Inc() }

// latencies are the upper bounds of histograms, in seconds: 50 µs to 26 s.
var latencies = prometheus.ExponentialBuckets(50e-6, 2, 20)

// reasons are all values that the label of refused may have.
var reasons = []string{
	protocol.ErrorInvalidJSON, protocol.ErrorInvalidMessage, protocol.ErrorLineTooLong, protocol.ErrorAlreadyReading,
	protocol.ErrorDiskFull, protocol.ErrorNoQuorum, protocol.ErrorOverloaded, protocol.ErrorTooManyLogs,
	protocol.ErrorUnauthorized, protocol.ErrorForbidden, protocol.ErrorUnknownOutcome, protocol.ErrorShuttingDown,
	protocol.ErrorKeyUsed, protocol.ErrorEntryUnavailable, reasonHead, reasonSeq, reasonForeign,
}

// What is told with a number on the wire is counted without it.
const (
	reasonHead = "head is another"
	reasonSeq  = "seq is another"

	reasonForeign = "foreign content" // of another node, and not what its digests say
)

func newMetrics() *metrics {
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: latencies})
	}
	m := &metrics{
		flush:  histogram("ringlog_flush_seconds", "How long a write of a batch to the disk and its flush took."),
		commit: histogram("ringlog_commit_seconds", "How long a batch took from being taken to the last answer."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringlog_refused_total", Help: "Lines, appends and entries that were answered with an error, by what it says.",
		}, []string{"reason"}),
		troubled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ringlog_errors_total", Help: "What went wrong in the server, by kind; what clients were told is in ringlog_refused_total.",
		}, []string{"kind"}),
	}
	for _, kind := range troubles {
		m.troubled.WithLabelValues(string(kind))
	}
	for _, reason := range reasons {
		m.refused.WithLabelValues(reason)
	}
	return m
}

// refuse counts n things that were answered with reason, one of reasons.
func (m *metrics) refuse(reason string, n int) {
	m.refused.WithLabelValues(reason).Add(float64(n))
}

// committed counts a batch and what was decided about it.
func (m *metrics) committed(b *batch, d *order.Decision) {
	m.batches.Add(1)
	m.bytes.Add(uint64(b.content.Size()))
	for i := range d.Runs {
		m.entries.Add(uint64(d.Runs[i].Count))
	}
	for i := range d.Outcomes {
		switch o := &d.Outcomes[i]; {
		case o.Duplicate:
			m.duplicates.Add(uint64(o.Appends))
		case o.Status == order.Appended:
			m.appends.Add(uint64(o.Appends))
		default:
			m.refuse(reasonOf(o.Status), int(o.Appends))
		}
	}
}

func reasonOf(s order.Status) string {
	switch s {
	case order.SeqGap:
		return reasonSeq
	case order.KeyUsed:
		return protocol.ErrorKeyUsed
	case order.HeadIs:
		return reasonHead
	case order.TooManyLogs:
		return protocol.ErrorTooManyLogs
	}
	return protocol.ErrorUnknownOutcome
}
