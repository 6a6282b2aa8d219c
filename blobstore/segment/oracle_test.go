package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

const headBlock = 4096

// image is what a directory holds.
type image map[string][]byte

func imageOf(t testing.TB, f fs.FS) image {
	t.Helper()
	names, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	im := image{}
	for _, name := range names {
		file, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := file.Size()
		im[name] = make([]byte, size)
		if _, err := file.ReadAt(im[name], 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		file.Close()
	}
	return im
}

func (im image) clone() image {
	c := image{}
	for name, content := range im {
		c[name] = bytes.Clone(content)
	}
	return c
}

func (im image) disk(t testing.TB) *fs.Mem {
	t.Helper()
	m := fs.Memory()
	for _, name := range slices.Sorted(maps.Keys(im)) {
		file, err := m.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		file.WriteAt(im[name], 0)
		file.Sync()
	}
	m.SyncDir()
	return m
}

func name(number uint64) string { return fmt.Sprintf("%016d.seg", number) }

// stream is a stream as it was appended: what the oracle knows of it.
type stream struct {
	image
	last    string // name of the last file
	batches []batchOf
}

type batchOf struct {
	lines  []string
	places []blobstore.Place
	bytes  [][]byte
}

// extent is the part of a file whose bytes mean something.
type extent struct{ from, to int64 }

// meaning returns, for each file, where its frames lie, padding left out.
func (st *stream) meaning() map[string][]extent {
	all := map[string][]extent{}
	for _, b := range st.batches {
		for _, p := range b.places {
			n := name(p.Segment)
			all[n] = append(all[n], extent{p.Offset, p.Offset + 56 + int64(p.Length)})
		}
	}
	return all
}

// makeStream makes a stream of several files: some rolled over, some begun by Open, the
// last one closed in good order after some batches.
func makeStream(t testing.TB) *stream {
	t.Helper()
	st, f, r := &stream{}, fs.Memory(), rand.New(rand.NewPCG(5, 6))
	for range 3 {
		s, _ := mustOpen(t, f, small)
		for range 12 {
			frames := randomBatch(r, len(st.batches), 5000)
			places, err := s.Append(frames)
			if err != nil {
				t.Fatal(err)
			}
			b := batchOf{lines: flat(frames), places: slices.Clone(places)}
			for _, f := range frames {
				b.bytes = append(b.bytes, bytes.Join(f.Payload[:], nil))
			}
			st.batches = append(st.batches, b)
		}
		st.last = name(s.Durable().Segment)
		s.Close()
	}
	st.image = imageOf(t, f)
	return st
}

func (st *stream) lines() (all []string) {
	for _, b := range st.batches {
		all = append(all, b.lines...)
	}
	return all
}

// verdict is what is to be found of some harm.
type verdict int

const (
	harmless verdict = iota
	refused          // by Open
	found            // by Scan, in the file harmed
)

// expect is the oracle: what must be found when a file has this content instead.
func (st *stream) expect(file string, content []byte) verdict {
	if file == "MARK" || file == "RESERVE" {
		return harmless
	}
	was := st.image[file]
	differs := func(e extent) bool {
		return e.to > int64(len(content)) || !bytes.Equal(was[e.from:e.to], content[e.from:e.to])
	}
	var worst verdict
	extents := st.meaning()[file]
	if file != st.last {
		end := extents[len(extents)-1].to
		seal := (end + 7) / 8 * 8
		if int64(len(was)) >= seal+56 && binaryMagic(was[seal:]) {
			extents = append(extents, extent{seal, seal + 56})
		}
		if int64(len(content)) < (extents[len(extents)-1].to+7)/8*8 {
			return refused // the next file's header tells how long it must be
		}
		worst = found
	} else {
		worst = refused
	}
	if differs(extent{0, headBlock}) {
		return refused
	}
	if slices.ContainsFunc(extents, differs) {
		return worst
	}
	return harmless
}

func binaryMagic(p []byte) bool { return bytes.HasPrefix(p, []byte("\x9eRLF")) }

// try opens a harmed stream and holds what happens against the verdict. Nothing may ever
// be served that was not appended.
func (st *stream) try(t *testing.T, what, file string, content []byte) {
	t.Helper()
	im := maps.Clone(st.image)
	im[file] = content
	want := st.expect(file, content)
	s, _, err := segment.Open(im.disk(t), small)
	var damage *segment.DamageError
	if want == refused {
		if !errors.As(err, &damage) || damage.File != file {
			t.Fatalf("%s: not refused: %v", what, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: refused: %v", what, err)
	}
	defer s.Close()
	var shown []string
	err = s.Scan(segment.Position{}, func(_ segment.Position, kind segment.Kind, payload []byte) error {
		shown = append(shown, fmt.Sprintf("%d %s", kind, payload))
		return nil
	})
	lines := st.lines()
	if want == found {
		if !errors.As(err, &damage) || damage.File != file {
			t.Fatalf("%s: not found: %v", what, err)
		}
		lines = lines[:min(len(shown), len(lines))]
	} else if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	equal(t, what, shown, lines)
	st.readAll(t, what, s, file, content)
}

// readAll reads every place; those whose bytes are as they were must be served.
func (st *stream) readAll(t *testing.T, what string, s *segment.Store, file string, content []byte) {
	t.Helper()
	var buf []byte
	for _, b := range st.batches {
		for i, p := range b.places {
			from, to := p.Offset, p.Offset+56+int64(p.Length)
			good := name(p.Segment) != file ||
				to <= int64(len(content)) && bytes.Equal(content[from:to], st.image[file][from:to])
			got, err := s.Read(p, buf)
			if good && (err != nil || !bytes.Equal(got, b.bytes[i])) {
				t.Fatalf("%s: %v is not served: %v", what, p, err)
			}
			if !good && !errors.Is(err, segment.ErrUnavailable) {
				t.Fatalf("%s: %v is served, damaged: %v", what, p, err)
			}
			if err == nil {
				buf = got[:0]
			}
		}
	}
}
