package ring_test

import (
	"fmt"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/ring"
)

var sizes = []struct {
	members  int
	settings ring.Settings
}{
	{3, ring.Settings{Replicas: 3}},
	{9, ring.Settings{Replicas: 3}},
	{9, ring.Settings{Replicas: 3, OtherZones: 2}},
	{100, ring.Settings{Replicas: 3}},
	{100, ring.Settings{Replicas: 5, OtherZones: 2, OtherRegions: 2}},
}

func BenchmarkOwners(b *testing.B) {
	digests := make([]blobstore.Digest, 1<<12)
	for i := range digests {
		digests[i] = digest(i)
	}
	for _, c := range sizes {
		b.Run(fmt.Sprintf("%d,%+v", c.members, c.settings), func(b *testing.B) {
			r := mustNew(b, numbered(c.members, 3, 3), c.settings)
			dst := make([]uint64, 0, 8)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				dst = r.Owners(dst[:0], digests[i%len(digests)])
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{3, 9, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			members := numbered(n, 3, 3)
			b.ReportAllocs()
			for b.Loop() {
				mustNew(b, members, ring.Settings{Replicas: 3})
			}
		})
	}
}
