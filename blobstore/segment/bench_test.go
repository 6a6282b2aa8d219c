package segment_test

import (
	"fmt"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// appendBatch is a batch as a server of one node makes it: content, order, decisions.
func appendBatch(content int) []segment.Frame {
	return []segment.Frame{
		{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, 48), make([]byte, content)}},
		{Kind: segment.KindOrder, Payload: [2][]byte{make([]byte, 150)}},
		{Kind: segment.KindDecided, Payload: [2][]byte{make([]byte, 100)}},
	}
}

// TestAppendAllocatesNothing: not on the real file system either.
func TestAppendAllocatesNothing(t *testing.T) {
	eachSystem(t, func(t *testing.T, f fs.FS) {
		s, _ := mustOpen(t, f, segment.Options{})
		frames := appendBatch(1000)
		n := testing.AllocsPerRun(50, func() {
			if _, err := s.Append(frames); err != nil {
				t.Fatal(err)
			}
		})
		if _, memory := f.(*fs.Mem); !memory && n > 0 {
			t.Errorf("%v allocations for each batch", n)
		}
	})
}

// BenchmarkAppend flushes each batch to a real disk, under load (the blocks that come
// next are not ready) and with a moment of rest after each batch.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 4 << 10, 64 << 10, 1 << 20} {
		for _, idle := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/idle=%v", size, idle), func(b *testing.B) {
				d, err := fs.Dir(b.TempDir())
				if err != nil {
					b.Fatal(err)
				}
				defer d.Close()
				s, _ := mustOpen(b, d, segment.Options{})
				frames := appendBatch(size)
				b.SetBytes(int64(size))
				for b.Loop() {
					if _, err := s.Append(frames); err != nil {
						b.Fatal(err)
					}
					if idle {
						b.StopTimer()
						s.Idle()
						b.StartTimer()
					}
				}
			})
		}
	}
}

// BenchmarkScan reads a stream from the page cache.
func BenchmarkScan(b *testing.B) {
	d, err := fs.Dir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	s, _ := mustOpen(b, d, segment.Options{})
	frames := appendBatch(1 << 20)
	for range 64 {
		s.Append(frames)
	}
	b.SetBytes(64 << 20)
	for b.Loop() {
		if err := s.Scan(segment.Position{}, func(segment.Position, segment.Kind, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
