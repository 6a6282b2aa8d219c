package segment_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

var update = flag.Bool("update", false, "write testdata/golden anew")

// reproducible makes the same salts each time.
func reproducible() segment.Options {
	o := small.WithRandom(rand.NewChaCha8([32]byte{1}))
	for i := range 16 {
		o.Identity.Cluster[i], o.Identity.Node[i] = 0xc0+byte(i), 0xd0+byte(i)
	}
	return o
}

// goldenBatches are those that docs/STORAGE.md shows.
var goldenBatches = [][]segment.Frame{
	{
		{Kind: segment.KindContent, Payload: [2][]byte{[]byte("manifest "), []byte("and content")}},
		{Kind: segment.KindOrder, Payload: [2][]byte{[]byte("order")}},
	},
	{{Kind: segment.KindState, Ignorable: true}},
}

// TestGolden: the bytes are those that docs/STORAGE.md describes, and what lies on disks
// can be read.
func TestGolden(t *testing.T) {
	f := fs.Memory()
	s, _ := mustOpen(t, f, reproducible())
	for _, frames := range goldenBatches {
		if _, err := s.Append(frames); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	mustOpen(t, f, reproducible())
	im := imageOf(t, f)
	for _, file := range []string{name(1), name(2), "MARK"} {
		path := filepath.Join("testdata", "golden", file+".hex")
		dump := hex.Dump(bytes.TrimRight(im[file], "\x00")) + fmt.Sprintf("and zeroes up to %d\n", len(im[file]))
		if *update {
			if err := os.WriteFile(path, []byte(dump), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if dump != string(want) {
			t.Errorf("%s is now:\n%s", file, squeeze(dump))
		}
	}
	s, _ = mustOpen(t, im.disk(t), small)
	var want []string
	for _, frames := range goldenBatches {
		want = append(want, flat(frames)...)
	}
	equal(t, "golden", scan(t, s, segment.Position{}), want)
}

// squeeze leaves out lines of zeroes.
func squeeze(dump string) string {
	lines := slices.DeleteFunc(strings.Split(dump, "\n"), func(line string) bool {
		return strings.Contains(line, strings.Repeat(" 00", 8)+" "+strings.Repeat(" 00", 8))
	})
	return strings.Join(lines, "\n")
}

// FuzzRecover opens a stream of one file, of which a part is anything. Never a panic,
// never a frame that was not appended; and what was shown once stays.
func FuzzRecover(f *testing.F) {
	disk := fs.Memory()
	s, _ := mustOpen(f, disk, reproducible())
	var known []string
	for i := range 4 {
		frames := randomBatch(rand.New(rand.NewPCG(uint64(i), 0)), i, 100)
		s.Append(frames)
		known = append(known, flat(frames)...)
	}
	end := s.Durable().Offset
	s.Close()
	im := imageOf(f, disk)
	file := im[name(1)][:end]
	// Short patches: the fuzzer takes very long to shorten a long one.
	frame := file[headBlock:][:56]
	f.Add([]byte{}, 0, true)
	f.Add(frame, headBlock, false)
	f.Add(frame, int(end), true)
	f.Add([]byte("\x9eRLF"), headBlock+8, false)
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0}, int(end)-8, false)
	f.Add([]byte{1}, 8, true)
	f.Fuzz(func(t *testing.T, patch []byte, at int, mark bool) {
		if at < 0 || at > 1<<20 || len(patch) > 1<<20 {
			return
		}
		im := image{name(1): bytes.Clone(file), "MARK": im["MARK"]}
		if !mark {
			delete(im, "MARK")
		}
		if grow := at + len(patch) - len(file); grow > 0 {
			im[name(1)] = append(im[name(1)], make([]byte, grow)...)
		}
		copy(im[name(1)][at:], patch)
		disk := im.disk(t)
		var first []string
		for round := range 2 {
			s, _, err := segment.Open(disk, reproducible()) // so that the same input does the same
			if err != nil {
				var damage *segment.DamageError
				var foreign *segment.ForeignError
				if round > 0 || !errors.As(err, &damage) && !errors.As(err, &foreign) {
					t.Fatal(err)
				}
				return
			}
			shown := scan(t, s, segment.Position{})
			equal(t, "shown", shown, known[:min(len(shown), len(known))])
			if round > 0 {
				equal(t, "shown again", shown, first)
			}
			first = shown
			s.Close()
		}
	})
}
