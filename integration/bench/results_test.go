//go:build linux

package main

import (
	"math"
	"slices"
	"testing"
)

func TestSummarize(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
		ok     bool
	}{
		{nil, spread{}, false},
		{[]float64{math.NaN()}, spread{}, false},
		{[]float64{4}, spread{4, 4, 4}, true},
		{[]float64{3, math.NaN(), 1, 2}, spread{2, 1, 3}, true},
		{[]float64{4, 1, 2, 3}, spread{2.5, 1, 4}, true},
	} {
		if got, ok := summarize(test.values); got != test.want || ok != test.ok {
			t.Errorf("summarize(%v) = %v, %v", test.values, got, ok)
		}
	}
}

func TestRatios(t *testing.T) {
	got := ratios([]float64{4, 9, 1, 7}, []float64{2, 3, 0})
	if !slices.Equal(got, []float64{2, 3}) {
		t.Error(got)
	}
}

func TestFormat(t *testing.T) {
	for _, test := range []struct {
		unit  unit
		value float64
		want  string
	}{
		{perSecond, 9.994, "9.99"}, {perSecond, 999.6, "1.00k"}, {perSecond, 1_234_567, "1.23M"},
		{duration, 0.000_174, "174 µs"}, {duration, 0.0652, "65.2 ms"}, {duration, 2, "2.00 s"},
		{bytes, 5900, "5.90 kB"}, {cpu, 0.5, "0.50 s"}, {megabytes, 390.4, "390"},
	} {
		if got := test.unit.format(test.value); got != test.want {
			t.Errorf("format(%v) = %q, want %q", test.value, got, test.want)
		}
	}
}
