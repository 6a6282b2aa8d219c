package proof

import (
	"iter"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Part is one thing that is tried again and again.
type Part struct {
	Promises string  // of docs/RELIABILITY.md
	What     string  // is tried
	Count    string  // the variable that says how often
	Commit   int     // how often at each commit
	Long     int     // how often in the long run
	Share    float64 // of the long run's time
}

// Times is how often the part is wanted.
func (p Part) Times(t testing.TB) int {
	otherwise := p.Commit
	if Hours(t) > 0 {
		otherwise = p.Long
	}
	return int(Number(t, p.Count, uint64(otherwise)))
}

// Tries counts from 1 to what is wanted, or as long as the part's time lasts; at least one.
func (p Part) Tries(t testing.TB) iter.Seq[int] {
	end := time.Now().Add(time.Duration(p.Share * Hours(t) * float64(time.Hour)))
	return func(yield func(int) bool) {
		for i := 1; i <= p.Times(t); i++ {
			if i > 1 && Hours(t) > 0 && time.Now().After(end) {
				t.Logf("%s: %d of %d in the time there is", p.What, i-1, p.Times(t))
				return
			}
			if !yield(i) {
				return
			}
		}
	}
}

// Hours is the time of the long run; 0: this is no long run.
func Hours(t testing.TB) float64 {
	text := os.Getenv("HOURS")
	if text == "" {
		return 0
	}
	h, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("HOURS: %v", err)
	}
	return h
}

// fallback is the seed of a run that is given none.
var fallback = sync.OnceValue(func() uint64 { return uint64(time.Now().UnixNano()) % 1_000_000 })

// Seed is what the run's random choices follow from; it is printed.
func Seed(t testing.TB) uint64 {
	s := Number(t, "SEED", fallback())
	t.Logf("SEED=%d", s)
	return s
}

// Number is that of a variable, if it is set.
func Number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
