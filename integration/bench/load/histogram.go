//go:build linux

package load

import (
	"math/bits"
	"time"
)

// precision is the number of bits a bucket keeps of a duration: an error of at most 1/128.
const precision = 7

// Histogram counts durations in buckets whose width grows with them. The zero value is empty.
type Histogram struct {
	counts [(64 - precision + 1) << precision]uint64
	total  uint64
	max    int64
}

// Add counts n times a duration of ns nanoseconds.
func (h *Histogram) Add(ns int64, n uint64) {
	ns = max(ns, 0)
	h.counts[bucket(uint64(ns))] += n
	h.total += n
	h.max = max(h.max, ns)
}

// bucket numbers durations: below 2^precision one by one, then 2^precision for each power of two.
func bucket(ns uint64) int {
	exponent := max(0, bits.Len64(ns)-precision-1)
	return exponent<<precision + int(ns>>exponent)
}

// lowest is the least duration of a bucket.
func lowest(bucket int) uint64 {
	exponent := max(0, bucket>>precision-1)
	return uint64(bucket-exponent<<precision) << exponent
}

// Quantile is the duration that a share q (0 to 1) of all was not longer than, 0 when there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := uint64(q*float64(h.total-1)) + 1
	var seen uint64
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return time.Duration(min(lowest(i+1)-1, uint64(h.max)))
		}
	}
	return time.Duration(h.max)
}

// Total is how many were counted.
func (h *Histogram) Total() uint64 { return h.total }

// Max is the longest.
func (h *Histogram) Max() time.Duration { return time.Duration(h.max) }
