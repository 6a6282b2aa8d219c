package segment

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// A Reader gives what Read gives, in any order, while the stream grows; in sequence it
// asks the file system far less often.
func TestReader(t *testing.T) {
	disk := fs.Memory()
	s, _, err := Open(disk, Options{Size: MinSize})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(1, 2))
	var places []blobstore.Place
	grow := func(n int) {
		for range n {
			payload := bytes.Repeat([]byte{byte(len(places))}, r.IntN(600))
			got, err := s.Append([]Frame{{Kind: KindContent, Payload: [2][]byte{payload}}, {Kind: KindOrder}})
			if err != nil {
				t.Fatal(err)
			}
			places = append(places, got[0])
		}
	}
	reader := s.NewReader(16 << 10)
	defer reader.Release()
	same := func(p blobstore.Place) {
		t.Helper()
		want, err1 := s.Read(p, nil)
		got, err2 := reader.Read(p)
		if !bytes.Equal(got, want) || !errors.Is(err2, err1) {
			t.Fatalf("%v: %d bytes, %v; want %d bytes, %v", p, len(got), err2, len(want), err1)
		}
	}
	for range 20 {
		grow(50)
		for range 50 {
			same(places[r.IntN(len(places))])
		}
		part := make([]byte, 3)
		if p := places[r.IntN(len(places))]; p.Length > 10 {
			if err := reader.ReadPart(p, 5, part); err != nil || part[0] != part[2] {
				t.Fatal(err, part)
			}
		}
	}
	reads := 0
	disk.SetHook(func(op fs.Op) error {
		if op.Kind == fs.OpReadAt {
			reads++
		}
		return nil
	})
	for _, p := range places {
		if _, err := reader.Read(p); err != nil {
			t.Fatal(err)
		}
	}
	if reads > len(places)/8 {
		t.Errorf("%d reads for %d frames", reads, len(places))
	}
	beyond := places[len(places)-1]
	beyond.Offset += 1 << 20
	if _, err := reader.Read(beyond); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	if err := reader.ReadPart(beyond, 0, make([]byte, 1)); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}
