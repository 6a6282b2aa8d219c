package segment_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// mendable is a stream of three batches, of which the second one holds content between two other frames.
func mendable(t *testing.T) (disk *fs.Mem, s *segment.Store, at blobstore.Place, payload []byte) {
	t.Helper()
	disk = fs.Memory()
	s, _, err := segment.Open(disk, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	payload = bytes.Repeat([]byte("content "), 20)
	for i := range 3 {
		places, err := s.Append([]segment.Frame{
			{Kind: segment.KindDecided, Payload: [2][]byte{[]byte("decided")}},
			{Kind: segment.KindContent, Payload: [2][]byte{payload[:50+i], payload[50+i:]}},
			{Kind: segment.KindOrder, Payload: [2][]byte{[]byte("order")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			at = places[1]
		}
	}
	return disk, s, at, payload
}

func bytesOf(t *testing.T, disk fs.FS) []byte {
	t.Helper()
	f, err := disk.Open(segment.FileName(1))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if _, err := f.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func writeAt(t *testing.T, disk fs.FS, b []byte, at int64) {
	t.Helper()
	f, err := disk.Open(segment.FileName(1))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// Whatever byte of a content frame is wrong, and all of its payload, is made what it was by the payload alone.
func TestMend(t *testing.T) {
	disk, s, at, payload := mendable(t)
	whole := bytesOf(t, disk)
	const header = 56
	for i := int64(0); i < header+int64(at.Length); i++ {
		for _, bits := range []byte{1, 0xff} {
			writeAt(t, disk, []byte{whole[at.Offset+i] ^ bits}, at.Offset+i)
			if i < header && i%3 == 0 || i == header {
				writeAt(t, disk, make([]byte, at.Length), at.Offset+header)
			}
			if _, err := s.Read(at, nil); err == nil {
				t.Fatalf("byte %d: the damage isn't found", i)
			}
			if err := s.Mend(at, payload); err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
			if !bytes.Equal(bytesOf(t, disk), whole) {
				t.Fatalf("byte %d: the file is another", i)
			}
		}
	}
}

// What isn't what was written there is not written.
func TestMendTakesNothingElse(t *testing.T) {
	disk, s, at, payload := mendable(t)
	writeAt(t, disk, []byte("damage"), at.Offset+100)
	damaged := bytesOf(t, disk)
	other := bytes.Clone(payload)
	other[3] ^= 1
	beside := at
	beside.Offset += 8
	beyond := at
	beyond.Offset = int64(len(damaged)) - 8
	elsewhere := at
	elsewhere.Segment = 7
	for name, try := range map[string]struct {
		at      blobstore.Place
		payload []byte
	}{
		"another byte": {at, other}, "a byte less": {at, payload[1:]}, "nothing": {at, nil},
		"another place": {beside, payload}, "beyond the end": {beyond, payload}, "another file": {elsewhere, payload},
		"no place": {blobstore.Place{}, payload},
	} {
		if err := s.Mend(try.at, try.payload); !errors.Is(err, segment.ErrOther) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(bytesOf(t, disk), damaged) {
			t.Fatalf("%s: the file was changed", name)
		}
	}
}

// What a repair has marked as lost is found again.
func TestMendOfWhatIsLost(t *testing.T) {
	disk, s, at, payload := mendable(t)
	whole := bytesOf(t, disk)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	writeAt(t, disk, []byte("damage"), at.Offset+100)
	r, err := segment.Examine(disk, segment.ExamineOptions{})
	if err != nil || len(r.Damages) != 1 {
		t.Fatal(err, r)
	}
	if err := errors.Join(r.Apply(), r.Close()); err != nil {
		t.Fatal(err)
	}
	s, _, err = segment.Open(disk, segment.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Read(at, nil); !errors.Is(err, segment.ErrUnavailable) {
		t.Fatal(err)
	}
	if err := s.Mend(at, payload); err != nil {
		t.Fatal(err)
	}
	now := bytesOf(t, disk) // without the blocks that were kept ready
	if !bytes.Equal(now, whole[:len(now)]) || int64(len(now)) < at.Offset+int64(at.Length) {
		t.Error("the file is another")
	}
}
