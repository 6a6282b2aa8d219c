package order

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// nodes reads a list like "1a 2a 3b": numbers below ten, and zones.
func nodes(list string) (all []seated) {
	for _, s := range strings.Fields(list) {
		all = append(all, seated{uint64(s[0] - '0'), s[1:]})
	}
	return all
}

func TestVotersAreSpread(t *testing.T) {
	for _, test := range []struct {
		voters, ready string
		n             int
		want          string
	}{
		{"1", "2 3", 2, "[2 3]"},
		{"1", "5 4 3", 2, "[3 4]"},
		{"1a", "2a 3a 4b 5c", 2, "[4 5]"},
		{"1a", "2a 3a 4b", 2, "[4 2]"},
		{"1a", "2b 3b 4b", 2, "[2 3]"},
		{"1a 2b 3c", "4c 5b 6a 7b", 2, "[4 5]"},
		{"1a 2b 3b", "4b 5a 6", 2, "[6 5]"},
		{"1a", "2a", 4, "[2]"},
		{"", "2b 1b", 1, "[1]"},
	} {
		if got := fmt.Sprint(choose(nodes(test.voters), nodes(test.ready), test.n)); got != test.want {
			t.Errorf("beside %q, of %q: %s, want %s", test.voters, test.ready, got, test.want)
		}
	}
	for _, test := range []struct {
		voters, ready string
		keep          uint64
		out, in       uint64
		ok            bool
	}{
		{"1 2 3", "4 5", 1, 0, 0, false},
		{"1a 2a 3b", "4c", 1, 2, 4, true},
		{"1a 2a 3b", "4c", 2, 1, 4, true},
		{"1a 2a 3b", "4b 5a", 1, 0, 0, false},
		{"1a 2b 3c", "4d", 1, 0, 0, false},
		{"1a 2a 3a", "4a 6c 5b", 3, 1, 6, true},
		{"1a 2a 3a 4b 5b", "6b 7c", 1, 2, 7, true},
		{"1a", "2b", 1, 0, 0, false},
		{"1a", "", 0, 0, 0, false},
	} {
		out, in, ok := spread(nodes(test.voters), nodes(test.ready), test.keep)
		if out != test.out || in != test.in || ok != test.ok {
			t.Errorf("%q, ready %q, %d stays: %d for %d, %v", test.voters, test.ready, test.keep, in, out, ok)
		}
	}
}

// TestSpreadingEnds: one exchange after the other leads to voters that can't be spread more
// evenly, but for the one who stays, and their number is the same.
func TestSpreadingEnds(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 3))
		var voters, ready []seated
		for id := uint64(1); id <= 2+r.Uint64N(12); id++ {
			s := seated{id, string("abcd"[r.IntN(1+r.IntN(4))])}
			if len(voters) < 7 && r.IntN(2) == 0 {
				voters = append(voters, s)
			} else {
				ready = append(ready, s)
			}
		}
		was, steps := len(voters), 0
		for out, in, ok := spread(voters, ready, 1); ok; out, in, ok = spread(voters, ready, 1) {
			i := slices.IndexFunc(voters, func(s seated) bool { return s.id == out })
			k := slices.IndexFunc(ready, func(s seated) bool { return s.id == in })
			voters[i], ready[k] = ready[k], voters[i]
			if steps++; steps > 20 || out == 1 {
				t.Fatalf("seed %d: step %d, %d gives way", seed, steps, out)
			}
		}
		zones := crowd(voters)
		for _, v := range voters {
			for _, s := range ready {
				if v.id != 1 && zones[v.zone] > zones[s.zone]+1 {
					t.Fatalf("seed %d: voters %v, ready %v", seed, voters, ready)
				}
			}
		}
		if len(voters) != was {
			t.Fatalf("seed %d: %d voters of %d", seed, len(voters), was)
		}
	}
}
