package segment_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// each calls fn for some offsets of each file: every step-th, RINGLOG_DAMAGE_STEP.
func (st *stream) each(t *testing.T, step uint64, fn func(file string, at int, content []byte)) {
	t.Helper()
	step = fromEnv(t, "RINGLOG_DAMAGE_STEP", step)
	seed := fromEnv(t, "RINGLOG_DAMAGE_SEED", 1)
	t.Logf("RINGLOG_DAMAGE_STEP=%d RINGLOG_DAMAGE_SEED=%d", step, seed)
	for _, file := range slices.Sorted(maps.Keys(st.image)) {
		for at := int(seed % step); at < len(st.image[file]); at += int(step) {
			fn(file, at, bytes.Clone(st.image[file]))
		}
	}
}

func TestFlippedBits(t *testing.T) {
	st, r := makeStream(t), rand.New(rand.NewPCG(7, 8))
	st.each(t, 613, func(file string, at int, content []byte) {
		content[at] ^= 1 << r.IntN(8)
		st.try(t, fmt.Sprintf("bit flipped in %s at %d", file, at), file, content)
	})
}

// TestFlippedBitsInHeaders looks at every byte of some frames' headers.
func TestFlippedBitsInHeaders(t *testing.T) {
	st := makeStream(t)
	for _, b := range []batchOf{st.batches[1], st.batches[len(st.batches)-1]} {
		for i := range int64(56) {
			p := b.places[len(b.places)-1]
			content := bytes.Clone(st.image[name(p.Segment)])
			content[p.Offset+i] ^= 0x10
			st.try(t, fmt.Sprintf("byte %d of the header at %v", i, p), name(p.Segment), content)
		}
	}
}

func TestTruncated(t *testing.T) {
	st := makeStream(t)
	st.each(t, 1021, func(file string, at int, content []byte) {
		st.try(t, fmt.Sprintf("%s cut at %d", file, at), file, content[:at])
	})
}

func TestBlocksZeroedDoubledSwapped(t *testing.T) {
	st, r := makeStream(t), rand.New(rand.NewPCG(9, 10))
	for _, size := range []int{512, 4096} {
		st.each(t, 4096, func(file string, at int, content []byte) {
			at = at / size * size
			block := func(i int) []byte { return content[i:min(i+size, len(content))] }
			other := r.IntN((len(content)+size-1)/size) * size
			switch kept := bytes.Clone(block(at)); r.IntN(3) {
			case 0:
				clear(block(at))
			case 1:
				copy(block(at), block(other))
			case 2:
				copy(block(at), block(other))
				copy(block(other), kept)
			}
			st.try(t, fmt.Sprintf("blocks of %d of %s at %d and %d", size, file, at, other), file, content)
		})
	}
}

// TestGarbageBehindTheEnd: what was never durable can be anything.
func TestGarbageBehindTheEnd(t *testing.T) {
	st, r := makeStream(t), rand.New(rand.NewPCG(11, 12))
	for range 20 {
		content := bytes.Clone(st.image[st.last])
		extents := st.meaning()[st.last]
		end := (extents[len(extents)-1].to + 7) / 8 * 8
		for i := range content[end:] {
			content[int(end)+i] = byte(r.Uint32())
		}
		// Frames of this very stream, too, where they were not written.
		whole := extents[r.IntN(len(extents))]
		copy(content[end:], content[whole.from:whole.to])
		st.try(t, "garbage", st.last, content)
	}
}

// TestTornOrDamaged: MARK was not flushed since the file was begun. A bad batch is damage
// if a later one follows; the very last one might as well never have been whole.
func TestTornOrDamaged(t *testing.T) {
	f := fs.Memory()
	s, _ := mustOpen(t, f, small)
	mark := imageOf(t, f)["MARK"]
	st := &stream{last: name(1)}
	for i := range 5 {
		frames := randomBatch(rand.New(rand.NewPCG(uint64(i), 0)), i, 3000)
		places, _ := s.Append(frames)
		st.batches = append(st.batches, batchOf{lines: flat(frames), places: slices.Clone(places)})
	}
	whole := imageOf(t, f)
	for i, b := range st.batches {
		for marked, content := range map[bool][]byte{true: whole["MARK"], false: mark} {
			im := whole.clone()
			im["MARK"] = content
			im[st.last][b.places[len(b.places)-1].Offset+3] ^= 4
			s, rec, err := segment.Open(im.disk(t), small)
			if damage := (*segment.DamageError)(nil); i < 4 || marked {
				if !errors.As(err, &damage) || damage.File != st.last {
					t.Errorf("batch %d of 5, MARK says so %v: %v", i, marked, err)
				}
				continue
			}
			if err != nil || rec.Torn == 0 {
				t.Fatalf("the last batch is torn: %v, %+v", err, rec)
			}
			equal(t, "without the last", scan(t, s, segment.Position{}), slices.Concat(st.batches[0].lines, st.batches[1].lines, st.batches[2].lines, st.batches[3].lines))
		}
	}
}

func TestSalvageGoesOnPastContent(t *testing.T) {
	st := makeStream(t)
	for _, kind := range []string{"1 ", "2 "} {
		var p blobstore.Place
		var at int
		lines := st.lines()
		for _, b := range st.batches[:20] { // not in the last file
			for i, line := range b.lines {
				if p.Segment == 0 && line[:2] == kind {
					p, at = b.places[i], slices.Index(lines, line)
				}
			}
		}
		im := st.image.clone()
		im[name(p.Segment)][p.Offset+60] ^= 1
		s, _ := mustOpen(t, im.disk(t), small)
		var shown []string
		var gone []blobstore.Place
		err := s.Salvage(segment.Position{}, func(_ segment.Position, kind segment.Kind, payload []byte) error {
			shown = append(shown, fmt.Sprintf("%d %s", kind, payload))
			return nil
		}, func(l segment.Lost) error {
			gone = append(gone, l.Place)
			return nil
		})
		if kind == "2 " {
			if damage := (*segment.DamageError)(nil); !errors.As(err, &damage) {
				t.Errorf("damage to order was passed over: %v", err)
			}
			continue
		}
		if err != nil || !slices.Equal(gone, []blobstore.Place{p}) {
			t.Fatalf("lost %v, %v; want %v", gone, err, p)
		}
		equal(t, "salvaged", shown, slices.Delete(lines, at, at+1))
	}
}

// resum puts the right checksum into a changed header block.
func resum(content []byte) []byte {
	sum := crc32.Checksum(content[:headBlock-4], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(content[headBlock-4:], sum)
	return content
}

// TestDirectories: files missing, swapped, foreign, unknown.
func TestDirectories(t *testing.T) {
	st := makeStream(t)
	other := makeStream(t)
	early := func(t *testing.T) image { // the same stream at an earlier time
		s, _ := mustOpen(t, st.image.disk(t), small)
		s.Close()
		return imageOf(t, st.image.disk(t))
	}
	grown := func(t *testing.T) image {
		f := st.image.disk(t)
		s, _ := mustOpen(t, f, small)
		for i := range 3 {
			s.Append(randomBatch(rand.New(rand.NewPCG(uint64(i), 1)), i, 3000))
		}
		s.Close()
		return imageOf(t, f)
	}(t)
	newest := name(uint64(len(grown) - 2)) // of the segments; the others are MARK and RESERVE
	version := func(content []byte, number byte) []byte {
		content = bytes.Clone(content)
		content[8] = number
		return resum(content)
	}
	damage, foreign := "damage", "foreign"
	for _, c := range []struct {
		what, verdict, file string
		harm                func(im image)
	}{
		{"first missing", damage, name(1), func(im image) { delete(im, name(1)) }},
		{"middle missing", damage, name(2), func(im image) { delete(im, name(2)) }},
		{"last missing", damage, newest, func(im image) { delete(im, newest) }},
		{"all missing", damage, name(1), func(im image) {
			maps.DeleteFunc(im, func(n string, _ []byte) bool { return n != "MARK" })
		}},
		{"two swapped", foreign, name(2), func(im image) { im[name(2)], im[name(3)] = im[name(3)], im[name(2)] }},
		{"one twice", foreign, name(3), func(im image) { im[name(3)] = im[name(2)] }},
		{"another stream's file", foreign, name(2), func(im image) { im[name(2)] = other.image[name(2)] }},
		{"another stream's MARK", foreign, "MARK", func(im image) { im["MARK"] = other.image["MARK"] }},
		{"a file that is empty", damage, name(2), func(im image) { im[name(2)] = nil }},
		{"an unknown name", foreign, "1.seg", func(im image) { im["1.seg"] = im[name(1)] }},
		{"number zero", foreign, name(0), func(im image) { im[name(0)] = im[name(1)] }},
		{"a newer format", foreign, name(2), func(im image) { im[name(2)] = version(im[name(2)], 2) }},
		{"an older format", foreign, name(2), func(im image) { im[name(2)] = version(im[name(2)], 0) }},
		{"an early copy of the last file", damage, newest, func(im image) {
			im[newest] = im[newest][:headBlock]
		}},
		{"no MARK", "", "", func(im image) { delete(im, "MARK") }},
		{"an early MARK", "", "", func(im image) { im["MARK"] = early(t)["MARK"] }},
		{"an empty MARK", "", "", func(im image) { im["MARK"] = nil }},
		{"a MARK of garbage", "", "", func(im image) { im["MARK"] = bytes.Repeat([]byte{7}, 8192) }},
		{"strangers", "", "", func(im image) { im["lost+found"], im[".1.seg.swp"], im["x.seg~"] = nil, nil, nil }},
		{"leftovers", "", "", func(im image) { im[name(9)+".tmp"], im["MARK.tmp"] = nil, nil }},
	} {
		t.Run(c.what, func(t *testing.T) {
			im := grown.clone()
			c.harm(im)
			s, rec, err := segment.Open(im.disk(t), small)
			var d *segment.DamageError
			var f *segment.ForeignError
			switch {
			case c.verdict == damage && (!errors.As(err, &d) || d.File != c.file),
				c.verdict == foreign && (!errors.As(err, &f) || f.File != c.file),
				c.verdict == "" && err != nil:
				t.Fatalf("got %v, want %q in %q", err, c.verdict, c.file)
			case c.verdict != "":
				t.Log(err)
			default:
				t.Log(rec.Warnings)
				if got := scan(t, s, segment.Position{}); len(got) <= len(st.lines()) {
					t.Errorf("%d frames", len(got))
				}
				s.Close()
			}
		})
	}
}

// TestFileOfAnotherPast: two copies of a stream went on apart, in files and batches of the
// same lengths. A file of the one does not pass for the other's: the chain tells.
func TestFileOfAnotherPast(t *testing.T) {
	common := fs.Memory()
	s, _ := mustOpen(t, common, small)
	s.Close()
	past := func(fill byte) image {
		disk := imageOf(t, common).disk(t)
		s, _ := mustOpen(t, disk, small)
		for range 8 {
			payload := bytes.Repeat([]byte{fill}, 20000)
			s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{payload}}})
		}
		s.Close()
		return imageOf(t, disk)
	}
	one, other := past(1), past(2)
	if salt := func(im image) string { return string(im[name(1)][56:72]) }; salt(one) == salt(other) {
		t.Error("two files have the same salt")
	}
	one[name(1)] = other[name(1)]
	s, _ = mustOpen(t, one.disk(t), small)
	err := s.Scan(segment.Position{}, func(segment.Position, segment.Kind, []byte) error { return nil })
	if damage := (*segment.DamageError)(nil); !errors.As(err, &damage) || damage.File != name(1) {
		t.Errorf("got %v", err)
	}
}

// TestKeptBatchIsDurable: what recovery wrote anew is never torn, even if MARK is lost.
func TestKeptBatchIsDurable(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	s.Append([]segment.Frame{{Kind: segment.KindContent}})
	mark := imageOf(t, disk)["MARK"]
	places, _ := s.Append([]segment.Frame{{Kind: segment.KindOrder}})
	after := s.Durable()
	im := imageOf(t, disk)
	im["MARK"] = mark
	disk = im.disk(t)
	s, rec := mustOpen(t, disk, small)
	if got := scan(t, s, segment.Position{}); len(got) != 2 || rec.Kept != 1 {
		t.Fatalf("%q, %+v", got, rec)
	}
	// Who remembers the end, or a place, of the file as it was before is served.
	if got := scan(t, s, after); len(got) != 1 {
		t.Errorf("from a position that was moved: %q", got)
	}
	if _, err := s.Read(places[0], nil); err != nil {
		t.Errorf("a place beyond the end of a file: %v", err)
	}
	im = imageOf(t, disk)
	delete(im, "MARK")
	im[name(2)][headBlock] ^= 1
	_, _, err := segment.Open(im.disk(t), small)
	if damage := (*segment.DamageError)(nil); !errors.As(err, &damage) || damage.File != name(2) {
		t.Errorf("got %v", err)
	}
}

func TestSymbolicLinkIsRefused(t *testing.T) {
	path := t.TempDir()
	d, err := fs.Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s, _ := mustOpen(t, d, small)
	s.Close()
	elsewhere := filepath.Join(t.TempDir(), "x")
	if err := errors.Join(os.Rename(filepath.Join(path, name(1)), elsewhere), os.Symlink(elsewhere, filepath.Join(path, name(1)))); err != nil {
		t.Fatal(err)
	}
	var foreign *segment.ForeignError
	if _, _, err := segment.Open(d, small); !errors.As(err, &foreign) {
		t.Errorf("got %v", err)
	}
}
