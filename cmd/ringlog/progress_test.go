package main

import (
	"testing"
	"time"
)

func TestProgressText(t *testing.T) {
	p := &progress{unit: 1e6, rate: "MB/s", total: 40e6, done: 10e6, began: time.Unix(100, 0)}
	for _, c := range []struct {
		total, done uint64
		want        string
	}{
		{40e6, 10e6, "[#######.......................] 25 %, 2 MB/s, 15s left"},
		{40e6, 0, "[..............................] 0 %, 0 MB/s, 99h0m0s left"},
		{40e6, 50e6, "[##############################] 100 %, 10 MB/s, 0s left"},
		{0, 50e6, "50 MB, 10 MB/s"},
	} {
		p.total, p.done = int64(c.total), c.done
		if got := p.text(time.Unix(105, 0)); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.done, c.total, got, c.want)
		}
	}
}
