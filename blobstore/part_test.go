package blobstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

// Every part of a payload reads as the whole does, and a changed byte in it is found.
func TestPart(t *testing.T) {
	var b Batch
	for i := range 20 {
		entry := fmt.Appendf(nil, `{"n":%d,"pad":"%s"}`, i, bytes.Repeat([]byte("x"), i*7))
		b.Add(entry, Sum(entry), bytes.Repeat([]byte("k"), i%3))
	}
	payload := append(append([]byte(nil), b.Manifest()...), b.Content()...)
	read := func(off int64, p []byte) error {
		_, err := bytes.NewReader(payload).ReadAt(p, off)
		if errors.Is(err, io.EOF) {
			return ErrManifest
		}
		return err
	}
	var m Manifest
	if err := m.Parse(payload); err != nil {
		t.Fatal(err)
	}
	content := int64(m.ContentAt())
	var p Part
	for first := range 20 {
		for count := 1; first+count <= 20; count++ {
			ok, err := p.Read(first, count, content, len(payload), read)
			if !ok || err != nil {
				t.Fatal(first, count, ok, err)
			}
			for i := first; i < first+count; i++ {
				if !p.Has(i) || string(p.Entry(i)) != string(b.Entry(i)) {
					t.Fatalf("entry %d of %d+%d: %s", i, first, count, p.Entry(i))
				}
			}
			if p.Has(first-1) || p.Has(first+count) {
				t.Fatal("has what was not read")
			}
		}
	}
	if ok, err := p.Read(3, 5, content, 100, read); ok || err != nil {
		t.Fatal("more than the limit should be left", ok, err)
	}
	if _, err := p.Read(15, 6, content, len(payload), read); !errors.Is(err, ErrManifest) {
		t.Fatal("beyond the end", err)
	}
	for at := len(payload) - 1; at > len(payload)-len(b.Entry(19)); at-- {
		payload[at] ^= 1
		if _, err := p.Read(19, 1, content, len(payload), read); !errors.Is(err, ErrManifest) {
			t.Fatalf("byte %d changed and not found: %v", at, err)
		}
		payload[at] ^= 1
	}
}
