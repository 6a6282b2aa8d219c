package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// repaired repairs a directory, and returns what was found.
func repaired(t *testing.T, what string, f fs.FS) []segment.Damage {
	t.Helper()
	r, err := segment.Examine(f, segment.ExamineOptions{})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer r.Close()
	if err := r.Apply(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return r.Damages
}

// mend repairs a stream of which a file was harmed: then it opens, all that was not harmed
// is served from where it was, what was harmed is as it was or unavailable, and what was
// replaced is kept.
func (st *stream) mend(t *testing.T, what, file string, content []byte) {
	t.Helper()
	im := maps.Clone(st.image)
	im[file] = content
	disk := im.disk(t)
	if len(content) < headBlock+56 && file == st.last {
		if _, err := segment.Examine(disk, segment.ExamineOptions{}); !errors.As(err, new(*segment.UnrepairableError)) {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	damages := repaired(t, what, disk)
	if (st.expect(file, content) != harmless) != (len(damages) > 0) {
		t.Fatalf("%s: found %v", what, damages)
	}
	after := imageOf(t, disk)
	if kept, ok := after[file+".damaged"]; len(damages) > 0 && (!ok || !bytes.Equal(kept, content)) {
		t.Fatalf("%s: what was replaced is not kept", what)
	}
	if again := repaired(t, what, disk); len(again) > 0 || len(imageOf(t, disk)) != len(after) {
		t.Fatalf("%s: repaired twice: %v", what, again)
	}
	s, _, err := segment.Open(disk, small)
	if err != nil {
		t.Fatalf("%s: not repaired: %v\n%v", what, err, damages)
	}
	defer s.Close()
	lines, next := st.lines(), 0
	err = s.Scan(segment.Position{}, func(_ segment.Position, kind segment.Kind, payload []byte) error {
		line := fmt.Sprintf("%d %s", kind, payload)
		for ; next < len(lines) && lines[next] != line; next++ {
		}
		if next++; next > len(lines) {
			return errors.New("shown, but never appended: " + line[:10])
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v\n%v", what, err, damages)
	}
	st.readMended(t, what, s, file, content)
	if _, err := s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{[]byte("more")}}}); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func (st *stream) readMended(t *testing.T, what string, s *segment.Store, file string, content []byte) {
	t.Helper()
	for _, b := range st.batches {
		for i, p := range b.places {
			from, to := p.Offset, p.Offset+56+int64(p.Length)
			good := name(p.Segment) != file ||
				to <= int64(len(content)) && bytes.Equal(content[from:to], st.image[file][from:to])
			got, err := s.Read(p, nil)
			if err == nil && !bytes.Equal(got, b.bytes[i]) || err != nil && (good || !errors.Is(err, segment.ErrUnavailable)) {
				t.Fatalf("%s: %v is served as it was: %v; %v", what, p, err == nil, err)
			}
		}
	}
}

func TestRepairOfFlippedBytes(t *testing.T) {
	st, r := makeStream(t), rand.New(rand.NewPCG(17, 18))
	st.each(t, 6007, func(file string, at int, content []byte) {
		content[at] ^= byte(1 + r.IntN(255))
		st.mend(t, fmt.Sprintf("byte flipped in %s at %d", file, at), file, content)
	})
	for at := range headBlock + 200 { // headers
		if at%397 == 0 || at >= headBlock-8 && at%5 == 0 {
			for _, file := range []string{name(1), name(2), st.last} {
				content := bytes.Clone(st.image[file])
				content[at] ^= byte(1 + r.IntN(255))
				st.mend(t, fmt.Sprintf("byte flipped in %s at %d", file, at), file, content)
			}
		}
	}
}

func TestRepairOfTruncatedFiles(t *testing.T) {
	st := makeStream(t)
	st.each(t, 9001, func(file string, at int, content []byte) {
		st.mend(t, fmt.Sprintf("%s cut at %d", file, at), file, content[:at])
	})
}

func TestRepairOfBlocks(t *testing.T) {
	st, r := makeStream(t), rand.New(rand.NewPCG(19, 20))
	for _, size := range []int{512, 4096} {
		st.each(t, 16384, func(file string, at int, content []byte) {
			if file == st.last && at < headBlock+size {
				return // then nothing tells where its frames begin, and it is the last
			}
			at = at / size * size
			block := content[at:min(at+size, len(content))]
			if r.IntN(2) == 0 {
				clear(block)
			} else {
				for i := range block {
					block[i] = byte(r.Uint32())
				}
			}
			st.mend(t, fmt.Sprintf("block of %d of %s at %d", size, file, at), file, content)
		})
	}
}

// A file that is missing becomes one that says so; the others are served.
func TestRepairOfMissingFiles(t *testing.T) {
	st := makeStream(t)
	files := slices.Sorted(maps.Keys(st.image))
	files = files[:slices.Index(files, st.last)]
	for _, gone := range [][]string{{files[0]}, {files[1]}, files[1:3], files} {
		im := st.image.clone()
		for _, file := range gone {
			delete(im, file)
		}
		disk := im.disk(t)
		if damages := repaired(t, "missing", disk); len(damages) != len(gone) {
			t.Fatalf("%v missing: %v", gone, damages)
		}
		s, _, err := segment.Open(disk, small)
		if err != nil {
			t.Fatalf("%v missing: %v", gone, err)
		}
		var lost []segment.Lost
		err = s.Salvage(segment.Position{}, func(segment.Position, segment.Kind, []byte) error { return nil }, func(l segment.Lost) error {
			lost = append(lost, l)
			return nil
		})
		if err != nil || len(lost) != len(gone) || !lost[0].Marked || lost[0].Kind != segment.KindGap {
			t.Fatalf("%v missing: lost %v, %v", gone, lost, err)
		}
		for _, b := range st.batches {
			for i, p := range b.places {
				got, err := s.Read(p, nil)
				if slices.Contains(gone, name(p.Segment)) != (err != nil) || err == nil && !bytes.Equal(got, b.bytes[i]) {
					t.Fatalf("%v missing: %v: %v", gone, p, err)
				}
			}
		}
		s.Close()
	}
	im := st.image.clone()
	delete(im, st.last)
	if _, err := segment.Examine(im.disk(t), segment.ExamineOptions{}); !errors.As(err, new(*segment.UnrepairableError)) {
		t.Errorf("the last file missing: %v", err)
	}
}

// Wherever a repair is interrupted, by a crash that loses any of what was not flushed, it
// can be done again, and then all is as if it had not been.
func TestRepairInterrupted(t *testing.T) {
	st := makeStream(t)
	p, q := st.batches[2].places[0], st.batches[20].places[0]
	harmed := st.image.clone()
	for _, p := range []struct {
		segment uint64
		at      int64
	}{{p.Segment, p.Offset}, {q.Segment, q.Offset}} {
		clear(harmed[name(p.segment)][p.at : p.at+56])
	}
	want := harmed.disk(t)
	repaired(t, "whole", want)
	stop := errors.New("stop")
	for at := 0; ; at++ {
		disk, n := harmed.disk(t), 0
		disk.SetHook(func(op fs.Op) error {
			if !op.Kind.Changes() {
				return nil
			}
			if n++; n > at {
				return stop
			}
			return nil
		})
		r, err := segment.Examine(disk, segment.ExamineOptions{})
		if err != nil {
			t.Fatal(err)
		}
		err = r.Apply()
		r.Close()
		disk.SetHook(nil)
		for seed := range uint64(2) {
			crashed := disk.Crash(rand.New(rand.NewPCG(seed, uint64(at))))
			repaired(t, fmt.Sprintf("interrupted at %d", at), crashed)
			for file, content := range imageOf(t, want) {
				if !strings.Contains(file, ".damaged") && !bytes.Equal(imageOf(t, crashed)[file], content) {
					t.Fatalf("interrupted at %d: %s is not as it would have been", at, file)
				}
			}
		}
		if err == nil {
			return
		}
	}
}
