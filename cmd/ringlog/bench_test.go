package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBenchMeter(t *testing.T) {
	var m benchMeter
	var all []time.Duration
	for range 5000 {
		took := time.Duration(rand.ExpFloat64() * 1e6)
		all = append(all, took)
		m.add(took, 1, 10)
	}
	slices.Sort(all)
	for _, q := range []float64{0, 0.5, 0.99, 1} {
		want := all[int(q*float64(len(all)-1))]
		if got := m.quantile(q); got < want || float64(got) > float64(want)*(1+1.0/128)+1 {
			t.Errorf("quantile %g = %v, want %v", q, got, want)
		}
	}
	var out strings.Builder
	m.add(-1, 5000, 0) // not timed
	m.print(&out, "x", 2*time.Second)
	if !strings.HasPrefix(out.String(), "x: 10000 in 2.0s, 5000/s, 0.0 MB/s, p50 ") {
		t.Error(out.String())
	}
	if r := m.result(2 * time.Second); r.Count != 10000 || r.Seconds != 2 || r.P50 <= 0 || r.P99 < r.P50 || r.Max < r.P99 {
		t.Errorf("%+v", r)
	}
}

func TestBenchTailTake(t *testing.T) {
	tail := &benchTail{benching: &benching{appends: true}}
	tail.take([]byte("{\"index\":1,\"entry\":{\"sent\":\"0000000000000001\",\"text\":\"\"}}\n{\"index\":2,\"ent"))
	tail.take([]byte("ry\":{\"sent\":\"00\"}}\n{\"current\":true}\n"))
	if tail.delivered.n != 2 || tail.delivered.timed != 1 {
		t.Errorf("%d counted, %d timed", tail.delivered.n, tail.delivered.timed)
	}
}

func TestBenchFlags(t *testing.T) {
	for _, test := range []struct {
		name string
		with func(b *benching)
		ok   bool
	}{
		{"nothing said", func(*benching) {}, true},
		{"tail without a log", func(b *benching) { b.tails = true }, false},
		{"tail", func(b *benching) { b.tails, b.log = true, "main" }, true},
		{"small entries", func(b *benching) { b.size = 3 }, false},
		{"no window", func(b *benching) { b.inFlight = 0 }, false},
		{"no time", func(b *benching) { b.duration = 0 }, false},
	} {
		b := &benching{conns: 1, inFlight: 1, size: 200, tailConns: 1, duration: time.Second}
		test.with(b)
		if err := b.check(); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
