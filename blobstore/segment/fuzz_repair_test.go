package segment_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
)

// FuzzExamine: whatever lies in a file, or in MARK, an examination ends well, and what it can repair
// is whole afterwards.
func FuzzExamine(f *testing.F) {
	st := makeStream(f)
	files := slices.Sorted(maps.Keys(st.image))
	f.Add(uint8(0), uint32(10), []byte{1})
	f.Add(uint8(1), uint32(4096), make([]byte, 512))
	f.Add(uint8(2), uint32(5000), []byte("\x9eRLF garbage that begins like a frame"))
	f.Add(uint8(len(files)-1), uint32(64), bytes.Repeat([]byte{255}, 40))
	f.Fuzz(func(t *testing.T, file uint8, at uint32, harm []byte) {
		im := maps.Clone(st.image)
		name := files[int(file)%len(files)]
		content := bytes.Clone(im[name])
		copy(content[int(at)%len(content):], harm)
		im[name] = content
		disk := im.disk(t)
		r, err := segment.Examine(disk, segment.ExamineOptions{})
		if err != nil {
			if !errors.As(err, new(*segment.UnrepairableError)) && !errors.As(err, new(*segment.ForeignError)) {
				t.Fatal(err)
			}
			return
		}
		if err := errors.Join(r.Apply(), r.Close()); err != nil {
			t.Fatal(err)
		}
		s, _, err := segment.Open(disk, small)
		if err == nil {
			err = s.Salvage(segment.Position{}, func(segment.Position, segment.Kind, []byte) error { return nil }, func(segment.Lost) error { return nil })
			err = errors.Join(err, s.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
