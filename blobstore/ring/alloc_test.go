//go:build !race

package ring_test

import (
	"testing"

	"github.com/ringlog/ringlog/blobstore/ring"
)

func TestLookUpAllocatesNothing(t *testing.T) {
	for _, settings := range []ring.Settings{{Replicas: 3}, {Replicas: 5, OtherZones: 1, OtherRegions: 2}} {
		r := mustNew(t, numbered(30, 3, 3), settings)
		dst, kept, failed := make([]uint64, 0, 8), []uint64{3, 4}, []uint64{1}
		i := 0
		if n := testing.AllocsPerRun(500, func() {
			i++
			r.Owners(dst, digest(i))
			r.Owns(7, digest(i))
			r.Replace(dst, digest(i), kept, failed)
		}); n != 0 {
			t.Errorf("%+v: %v allocations", settings, n)
		}
	}
}
