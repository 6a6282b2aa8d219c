package main

import (
	"fmt"
	"io"
	"math/bits"
	"sync"
	"time"
)

// benchMeter counts what came back, how many bytes it was, and how long it took: in buckets, 128 for each
// power of two of nanoseconds, so that a percentile is wrong by less than 1 %.
type benchMeter struct {
	mu      sync.Mutex // guards the following
	n       uint64
	bytes   uint64
	timed   uint64
	longest time.Duration
	buckets [(64 - benchPrecision + 1) << benchPrecision]uint64
}

const benchPrecision = 7

// add counts n that took as long as took, unless that is negative: then it isn't known.
func (m *benchMeter) add(took time.Duration, n, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n += uint64(n)
	m.bytes += uint64(bytes)
	if took < 0 {
		return
	}
	m.timed += uint64(n)
	m.longest = max(m.longest, took)
	exponent := max(0, bits.Len64(uint64(took))-benchPrecision-1)
	m.buckets[exponent<<benchPrecision+int(took>>exponent)] += uint64(n)
}

func (m *benchMeter) count() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// quantile is what a share q of all did not exceed; m.mu is held, and something was timed.
func (m *benchMeter) quantile(q float64) time.Duration {
	rank := uint64(q*float64(m.timed-1)) + 1
	var seen uint64
	for i, n := range m.buckets {
		if seen += n; seen >= rank {
			exponent := max(0, (i+1)>>benchPrecision-1)
			return min(time.Duration((i+1-exponent<<benchPrecision)<<exponent)-1, m.longest)
		}
	}
	return m.longest
}

// print writes one line of the result.
func (m *benchMeter) print(w io.Writer, what string, took time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fmt.Fprintf(w, "%s: %d in %.1fs, %.0f/s, %.1f MB/s", what, m.n, took.Seconds(), float64(m.n)/took.Seconds(), float64(m.bytes)/1e6/took.Seconds())
	if m.timed > 0 {
		fmt.Fprintf(w, ", p50 %v, p99 %v, max %v", round(m.quantile(0.5)), round(m.quantile(0.99)), round(m.longest))
	}
	fmt.Fprintln(w)
}

// benchResult is what a meter came to, as --json prints it; times are microseconds.
type benchResult struct {
	Count   uint64  `json:"count"`
	Bytes   uint64  `json:"bytes"`
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50_us,omitempty"`
	P99     float64 `json:"p99_us,omitempty"`
	Max     float64 `json:"max_us,omitempty"`
}

func (m *benchMeter) result(took time.Duration) *benchResult {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &benchResult{Count: m.n, Bytes: m.bytes, Seconds: took.Seconds()}
	if m.timed > 0 {
		r.P50, r.P99, r.Max = micros(m.quantile(0.5)), micros(m.quantile(0.99)), micros(m.longest)
	}
	return r
}

// round leaves three digits or so.
func round(d time.Duration) time.Duration {
	switch {
	case d > time.Second:
		return d.Round(10 * time.Millisecond)
	case d > time.Millisecond:
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Microsecond)
}
