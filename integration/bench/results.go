//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ringlog/ringlog/integration/bench/system"
)

// unit is how a metric is shown, and which way is better.
type unit int

const (
	perSecond unit = iota // more is better
	megabytes             // per second; more is better
	duration              // seconds; less is better, as for the following
	cpu                   // seconds
	bytes
	times // so many times as much; less is better
)

// sample is one figure of one run.
type sample struct {
	metric string
	unit   unit
	value  float64
}

func seconds(metric string, d time.Duration) sample { return sample{metric, duration, d.Seconds()} }

// row is one metric: for each system, a value for each round, NaN where there is none.
type row struct {
	metric string
	unit   unit
	values map[*system.System][]float64
}

// results are all figures, in the order in which the metrics were first seen.
type results struct {
	systems []*system.System
	rows    []*row
	failed  []string
}

func newResults(systems []*system.System) *results { return &results{systems: systems} }

func (r *results) add(s *system.System, round int, samples []sample) {
	for _, sample := range samples {
		row := r.row(sample)
		for len(row.values[s]) < round {
			row.values[s] = append(row.values[s], math.NaN())
		}
		row.values[s] = append(row.values[s], sample.value)
	}
}

func (r *results) row(s sample) *row {
	for _, row := range r.rows {
		if row.metric == s.metric {
			return row
		}
	}
	row := &row{metric: s.metric, unit: s.unit, values: map[*system.System][]float64{}}
	r.rows = append(r.rows, row)
	return row
}

// spread is the median of values and their extremes.
type spread struct {
	median, least, most float64
}

// summarize leaves NaNs out; ok is false when nothing is left.
func summarize(values []float64) (s spread, ok bool) {
	values = slices.DeleteFunc(slices.Clone(values), math.IsNaN)
	if len(values) == 0 {
		return s, false
	}
	slices.Sort(values)
	n := len(values)
	return spread{(values[(n-1)/2] + values[n/2]) / 2, values[0], values[n-1]}, true
}

// ratios divides round by round.
func ratios(a, b []float64) []float64 {
	var quotients []float64
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			quotients = append(quotients, a[i]/b[i])
		}
	}
	return quotients
}

// format shows a value with three digits that count.
func (u unit) format(v float64) string {
	switch u {
	case perSecond:
		return scaled(v, "", "k", "M")
	case megabytes:
		return digits(v)
	case duration:
		return scaled(v*1e6, " µs", " ms", " s")
	case cpu:
		return digits(v) + " s"
	case times:
		return digits(v)
	}
	return scaled(v, " B", " kB", " MB")
}

func scaled(v float64, names ...string) string {
	for _, name := range names[:len(names)-1] {
		if v < 999.5 {
			return digits(v) + name
		}
		v /= 1000
	}
	return digits(v) + names[len(names)-1]
}

func digits(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
