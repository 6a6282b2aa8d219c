//go:build linux

package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBuckets(t *testing.T) {
	last := -1
	for _, ns := range []uint64{0, 1, 127, 128, 129, 255, 256, 258, 511, 512, 1 << 20, 1<<20 + 1<<13, 1 << 40, 1<<63 - 1} {
		b := bucket(ns)
		if b < last {
			t.Errorf("bucket(%d) = %d, less than that of less", ns, b)
		}
		last = b
		if lowest(b) > ns || ns >= lowest(b+1) && lowest(b+1) != 0 {
			t.Errorf("%d is not in bucket %d, from %d to %d", ns, b, lowest(b), lowest(b+1))
		}
	}
}

func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		name string
		draw func() int64
	}{
		{"small", func() int64 { return rand.Int64N(100) }},
		{"even", func() int64 { return rand.Int64N(10_000_000) }},
		{"long tail", func() int64 { return int64(1 / (rand.Float64() + 1e-6) * 1000) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var h Histogram
			var all []int64
			for range 10_000 {
				ns := test.draw()
				all = append(all, ns)
				h.Add(ns, 1)
			}
			slices.Sort(all)
			for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
				want := float64(all[int(q*float64(len(all)-1))])
				got := float64(h.Quantile(q))
				if got < want || got > want*(1+1.0/128)+1 {
					t.Errorf("quantile %g = %g, want %g", q, got, want)
				}
			}
			if h.Max() != time.Duration(all[len(all)-1]) {
				t.Errorf("max = %d", h.Max())
			}
		})
	}
}

func TestQuantileOfNothing(t *testing.T) {
	if got := new(Histogram).Quantile(0.5); got != 0 {
		t.Error(got)
	}
}

func TestQuantileWeighs(t *testing.T) {
	var h Histogram
	h.Add(10, 98)
	h.Add(1000, 2)
	if p50, p99 := h.Quantile(0.5), h.Quantile(0.99); p50 != 10 || p99 != 1000 {
		t.Error(p50, p99)
	}
}
