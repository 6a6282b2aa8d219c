package sim

import (
	"os"
	"strconv"
	"testing"
	"time"
)

func number(name string, otherwise uint64) uint64 {
	n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// TestSeeds runs SEEDS seeds, or the one that SEED names.
func TestSeeds(t *testing.T) {
	first, count := number("FIRST", 1), number("SEEDS", 100)
	if seed := number("SEED", 0); seed > 0 {
		first, count = seed, 1
	}
	var sum Report
	began := time.Now()
	for seed := first; seed < first+count; seed++ {
		r := Run(seed, Options{})
		if r.Err != nil {
			t.Fatal(r.String())
		}
		sum.add(&r)
	}
	t.Logf("%d seeds in %v: %+v", count, time.Since(began), sum)
}
