package segment_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// TestReadersBesideTheAppender: they see everything that was acknowledged, while files
// roll over and more of them are read than are kept open.
func TestReadersBesideTheAppender(t *testing.T) {
	eachSystem(t, func(t *testing.T, f fs.FS) {
		s, _ := mustOpen(t, f, small)
		type written struct {
			place blobstore.Place
			bytes []byte
		}
		var (
			mu      sync.Mutex // guards the following
			all     []written
			done    atomic.Bool
			readers sync.WaitGroup
		)
		read := func(r *rand.Rand) {
			var buf []byte
			for !done.Load() {
				mu.Lock()
				if len(all) == 0 {
					mu.Unlock()
					continue
				}
				w := all[r.IntN(len(all))]
				mu.Unlock()
				got, err := s.Read(w.place, buf)
				if err != nil || !bytes.Equal(got, w.bytes) {
					t.Errorf("read %v: %v", w.place, err)
					return
				}
				buf = got
			}
		}
		scan := func() {
			for !done.Load() {
				mu.Lock()
				known := len(all)
				mu.Unlock()
				shown := 0
				err := s.Scan(segment.Position{}, func(segment.Position, segment.Kind, []byte) error {
					shown++
					return nil
				})
				if err != nil || shown < known {
					t.Errorf("a scan showed %d of %d frames: %v", shown, known, err)
					return
				}
			}
		}
		for i := range 3 {
			readers.Go(func() { read(rand.New(rand.NewPCG(uint64(i), 0))) })
		}
		readers.Go(scan)
		r := rand.New(rand.NewPCG(9, 9))
		for i := range 80 {
			frames := randomBatch(r, i, 60000)
			places, err := s.Append(frames)
			if err != nil {
				t.Error(err)
				break
			}
			mu.Lock()
			for i, p := range slices.Clone(places) {
				all = append(all, written{p, bytes.Join(frames[i].Payload[:], nil)})
			}
			mu.Unlock()
		}
		done.Store(true)
		readers.Wait()
		if at := s.Durable(); at.Segment < 65 {
			t.Errorf("only %d files", at.Segment)
		}
	})
}
