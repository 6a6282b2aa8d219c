package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// small makes files roll over soon.
var small = segment.Options{Size: segment.MinSize}

// mustOpen opens a stream that is closed when the test ends.
func mustOpen(t testing.TB, f fs.FS, o segment.Options) (*segment.Store, segment.Recovery) {
	t.Helper()
	s, r, err := segment.Open(f, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, r
}

// randomBatch makes a batch of a few frames, all of whose payloads begin with its number.
func randomBatch(r *rand.Rand, number int, longest int) []segment.Frame {
	kinds := []segment.Kind{segment.KindContent, segment.KindOrder, segment.KindState, segment.KindDecided}
	frames := make([]segment.Frame, 1+r.IntN(4))
	for i := range frames {
		payload := fmt.Appendf(nil, "batch %d, frame %d of %d:", number, i, len(frames))
		payload = append(payload, bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(longest))...)
		cut := r.IntN(len(payload) + 1)
		frames[i] = segment.Frame{Kind: kinds[r.IntN(len(kinds))], Payload: [2][]byte{payload[:cut], payload[cut:]}}
	}
	return frames
}

// flat writes frames down as text that can be compared.
func flat(frames []segment.Frame) (lines []string) {
	for _, f := range frames {
		lines = append(lines, fmt.Sprintf("%d %s", f.Kind, bytes.Join(f.Payload[:], nil)))
	}
	return lines
}

// scan returns what flat does, of all frames from a position on.
func scan(t testing.TB, s *segment.Store, from segment.Position) (lines []string) {
	t.Helper()
	err := s.Scan(from, func(at segment.Position, kind segment.Kind, payload []byte) error {
		lines = append(lines, fmt.Sprintf("%d %s", kind, payload))
		got, err := s.Read(blobstore.Place{Segment: at.Segment, Offset: at.Offset, Length: uint32(len(payload))}, nil)
		if err != nil || !bytes.Equal(got, payload) {
			return fmt.Errorf("read at %v differs from scan: %w", at, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			t.Fatalf("%s: frame %d of %d is %.60q, want %.60q of %d", what, i, len(got), g, w, len(want))
		}
	}
}

// eachSystem runs a test on the real file system and in memory.
func eachSystem(t *testing.T, test func(t *testing.T, f fs.FS)) {
	t.Run("dir", func(t *testing.T) {
		d, err := fs.Dir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		test(t, d)
	})
	t.Run("memory", func(t *testing.T) { test(t, fs.Memory()) })
}

func TestWhatWasAppendedIsFound(t *testing.T) {
	eachSystem(t, func(t *testing.T, f fs.FS) {
		r := rand.New(rand.NewPCG(1, 2))
		var want []string
		var ids []segment.Identity
		type replay struct {
			from segment.Position
			rest int
		}
		var replays []replay
		for round := range 4 {
			s, rec := mustOpen(t, f, small)
			ids = append(ids, s.Identity())
			if rec.Founded != (round == 0) || len(rec.Warnings) > 0 || rec.Torn > 0 || rec.Kept > 0 || s.Identity() != ids[0] {
				t.Fatalf("round %d: %+v, %v", round, rec, s.Identity())
			}
			for range 60 {
				replays = append(replays, replay{s.Durable(), len(want)})
				frames := randomBatch(r, len(want), 3000)
				places, err := s.Append(frames)
				if err != nil {
					t.Fatal(err)
				}
				for i, p := range places {
					got, err := s.Read(p, nil)
					if err != nil || !bytes.Equal(got, bytes.Join(frames[i].Payload[:], nil)) {
						t.Fatalf("read back: %v", err)
					}
				}
				want = append(want, flat(frames)...)
				if r.IntN(5) == 0 {
					if err := s.Idle(); err != nil {
						t.Fatal(err)
					}
				}
			}
			equal(t, "scan", scan(t, s, segment.Position{}), want)
			for range 10 {
				p := replays[r.IntN(len(replays))]
				equal(t, "replay", scan(t, s, p.from), want[p.rest:])
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRestartsLeaveNoFilesBehind(t *testing.T) {
	f := fs.Memory()
	for range 5 {
		s, rec := mustOpen(t, f, small)
		if rec.Files != 1 || len(rec.Warnings) > 0 {
			t.Fatalf("%+v", rec)
		}
		s.Idle()
		s.Close()
	}
	names, _ := f.List()
	if fmt.Sprint(names) != "[0000000000000001.seg MARK]" {
		t.Error(names)
	}
}

func TestBatchLargerThanAFile(t *testing.T) {
	eachSystem(t, func(t *testing.T, f fs.FS) {
		s, _ := mustOpen(t, f, small)
		var want []string
		for _, n := range []int{10, 200_000, 10, 70_000, 65_000, 10} {
			frame := segment.Frame{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, n)}}
			if _, err := s.Append([]segment.Frame{frame}); err != nil {
				t.Fatal(err)
			}
			want = append(want, flat([]segment.Frame{frame})...)
		}
		equal(t, "scan", scan(t, s, segment.Position{}), want)
		if at := s.Durable(); at.Segment != 6 {
			t.Errorf("each should have its own file, the last is %d", at.Segment)
		}
		s.Close()
		s, _ = mustOpen(t, f, small)
		equal(t, "scan again", scan(t, s, segment.Position{}), want)
	})
}

func TestNotABatch(t *testing.T) {
	s, _ := mustOpen(t, fs.Memory(), small)
	for _, frames := range [][]segment.Frame{
		nil,
		make([]segment.Frame, segment.MaxFrames+1),
		{{Kind: 0}}, {{Kind: 9}}, {{Kind: segment.KindOrder, Codec: 1}}, {{Kind: segment.KindOrder, Hash: 1}},
	} {
		if _, err := s.Append(frames); !errors.Is(err, segment.ErrBatch) {
			t.Errorf("%d frames: %v", len(frames), err)
		}
	}
	if _, err := s.Append([]segment.Frame{{Kind: segment.KindOrder}}); err != nil {
		t.Errorf("the store is no longer good: %v", err)
	}
}

func TestScanFromNowhere(t *testing.T) {
	s, _ := mustOpen(t, fs.Memory(), small)
	s.Append([]segment.Frame{{Kind: segment.KindOrder}})
	for _, from := range []segment.Position{{1, 0}, {2, 4096}, {1, 4104}, {1, 1 << 40}, {0, 4096}, {1, 4097}} {
		err := s.Scan(from, func(segment.Position, segment.Kind, []byte) error { return nil })
		if !errors.Is(err, segment.ErrPosition) {
			t.Errorf("from %v: %v", from, err)
		}
	}
}

func TestClosed(t *testing.T) {
	f := fs.Memory()
	s, _ := mustOpen(t, f, small)
	places, _ := s.Append([]segment.Frame{{Kind: segment.KindOrder}})
	s.Close()
	_, err1 := s.Append([]segment.Frame{{Kind: segment.KindOrder}})
	_, err2 := s.Read(places[0], nil)
	for _, err := range []error{err1, err2, s.Idle()} {
		if !errors.Is(err, segment.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestViewBesideAStore(t *testing.T) {
	f := fs.Memory()
	if _, _, err := segment.View(f); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing to view: %v", err)
	}
	s, _ := mustOpen(t, f, small)
	r := rand.New(rand.NewPCG(3, 4))
	var want []string
	for i := range 100 {
		frames := randomBatch(r, i, 3000)
		if _, err := s.Append(frames); err != nil {
			t.Fatal(err)
		}
		want = append(want, flat(frames)...)
		if i%7 != 0 {
			continue
		}
		v, _, err := segment.View(f)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "view", scan(t, v, segment.Position{}), want)
		if _, err := v.Append(frames); !errors.Is(err, fs.ErrReadOnly) {
			t.Fatalf("append to a view: %v", err)
		}
		v.Close()
	}
}

// A store that is only appended to does not keep every file open that it has filled.
func TestFilledFilesAreClosed(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	payload := make([]byte, segment.MinSize)
	for range 2 * segment.MaxHandles {
		if _, err := s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{payload}}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.OpenFiles(); n > segment.MaxHandles {
		t.Errorf("%d files are open, want at most %d", n, segment.MaxHandles)
	}
}
