package order

import (
	"math"
	"testing"
	"time"
)

// TestMedianClock: how far the others' clocks are ahead is told by their median; one wrong
// clock among several moves nothing, and what was told long ago doesn't count.
func TestMedianClock(t *testing.T) {
	const m = time.Minute
	for _, test := range []struct {
		ahead []time.Duration // of nodes 2, 3, …
		want  time.Duration
	}{
		{nil, 0},
		{[]time.Duration{5 * m}, 5 * m},
		{[]time.Duration{0, 60 * m}, 0},
		{[]time.Duration{2 * m, 60 * m}, 2 * m},
		{[]time.Duration{-2 * m, -60 * m}, -2 * m},
		{[]time.Duration{-60 * m, 60 * m}, 0},
		{[]time.Duration{1, 2, 60 * m}, 2},
		{[]time.Duration{-60 * m, 1, 2, 60 * m}, 1},
		{[]time.Duration{math.MinInt64, math.MinInt64}, math.MinInt64},
	} {
		c := newMachine(t, Limits{}).core
		c.ticks, c.clocks = 100, make(map[uint64]told)
		for i, d := range test.ahead {
			id := uint64(i) + 2
			c.state.members.Learners = append(c.state.members.Learners, id)
			c.clocks[id] = told{d, 100 - clockFresh}
		}
		c.clocks[9] = told{time.Hour, 100} // no member
		if got := c.ahead(); got != test.want {
			t.Errorf("%v: %v, want %v", test.ahead, got, test.want)
		}
		if c.ticks++; c.ahead() != 0 {
			t.Errorf("%v: old clocks count", test.ahead)
		}
	}
	for _, test := range []struct {
		a, b int64
		want time.Duration
	}{{3, 1, 2}, {1, 3, -2}, {math.MaxInt64, -1, math.MaxInt64}, {math.MinInt64, 1, math.MinInt64}, {0, math.MinInt64, math.MaxInt64}} {
		if got := difference(test.a, test.b); got != test.want {
			t.Errorf("%d - %d: %d", test.a, test.b, got)
		}
	}
}
