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

// TestSeeds runs SEEDS seeds from FIRST on, or the one that SEED names.
func TestSeeds(t *testing.T) {
	first, count := number("FIRST", 1), number("SEEDS", 50)
	if seed := number("SEED", 0); seed > 0 {
		first, count = seed, 1
	}
	var sum Report
	began := time.Now()
	for seed := first; seed < first+count; seed++ {
		r := Run(seed, Options{})
		if r.Err != nil {
			t.Fatalf("again with `make sim SEED=%d`: %v", seed, &r)
		}
		sum.add(&r)
		if done := seed - first + 1; done%5000 == 0 {
			t.Logf("%d seeds in %v", done, time.Since(began))
		}
	}
	t.Logf("%d seeds in %v: %+v", count, time.Since(began), sum)
}

// TestSpoilt: the checks find out what is taken away, each.
func TestSpoilt(t *testing.T) {
	for spoil, name := range map[Spoil]string{
		SpoilSyncs: "syncs", SpoilVotes: "votes", SpoilAnswers: "answers",
		SpoilContent: "content", SpoilReads: "reads", SpoilTwice: "twice",
		SpoilOrdered: "ordered", SpoilHeld: "held", SpoilHolders: "holders", SpoilFetch: "fetch",
	} {
		t.Run(name, func(t *testing.T) {
			const most = 300
			do := (*world).whole
			if spoil == SpoilVotes { // what nodes remember of each other hides it nearly always
				do = (*world).crashAfterVote
			}
			for seed := uint64(1); seed <= most; seed++ {
				if r := run(seed, Options{Spoil: spoil, Apart: spoil >= SpoilHeld}, do); r.Err != nil {
					t.Logf("seed %d: %v", seed, r.Err)
					return
				}
			}
			t.Errorf("%d seeds have seen nothing", most)
		})
	}
}
