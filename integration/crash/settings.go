package crash

import (
	"iter"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A part is one thing that is tried again and again.
type part struct {
	promises string  // of docs/RELIABILITY.md
	what     string  // is tried
	count    string  // the variable that says how often
	commit   int     // how often at each commit
	long     int     // how often in the long run
	share    float64 // of the long run's time
}

// The parts, whose shares come to 1.
var (
	kills     = part{"2, 10", "kills under load", "KILLS", 20, 1000, 0.22}
	cuts      = part{"3", "power cuts under load", "CUTS", 5, 200, 0.25}
	gaps      = part{"3a", "kills between write and flush, then a power cut", "GAPS", 1, 50, 0.07}
	calls     = part{"5, 14", "system calls killed, failed (EIO), out of space (ENOSPC)", "CALLS", 30, 100_000, 0.25}
	fills     = part{"13", "full disks", "FILLS", 3, 50, 0.08}
	stops     = part{"22", "ordered stops under load", "STOPS", 5, 200, 0.05}
	histories = part{"8, 11", "histories checked by porcupine, a kill in each", "HISTORIES", 3, 200, 0.05}
	backups   = part{"33", "backups under load, restored and checked", "BACKUPS", 6, 100, 0.03}
	flushes   = part{"1, 6", "appends whose order of system calls was seen", "APPENDS", 1000, 10_000, 0}
)

// times is how often the part is wanted.
func (p part) times(t testing.TB) int {
	otherwise := p.commit
	if hours(t) > 0 {
		otherwise = p.long
	}
	return int(number(t, p.count, uint64(otherwise)))
}

// tries counts from 1 to what is wanted, or as long as the part's time lasts; at least one.
func (p part) tries(t testing.TB) iter.Seq[int] {
	end := time.Now().Add(time.Duration(p.share * hours(t) * float64(time.Hour)))
	return func(yield func(int) bool) {
		for i := 1; i <= p.times(t); i++ {
			if i > 1 && hours(t) > 0 && time.Now().After(end) {
				t.Logf("%s: %d of %d in the time there is", p.what, i-1, p.times(t))
				return
			}
			if !yield(i) {
				return
			}
		}
	}
}

// hours is the time of the long run; 0: this is no long run.
func hours(t testing.TB) float64 {
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

// seed is what the run's random choices follow from; it is printed.
func seed(t testing.TB) uint64 {
	s := number(t, "SEED", fallback())
	t.Logf("SEED=%d", s)
	return s
}

func number(t testing.TB, name string, otherwise uint64) uint64 {
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
