package logserver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Every entry is found by its digest, in every segment, also after the tables are gone.
func TestContentIsFoundByDigest(t *testing.T) {
	disk, d, r := fs.Memory(), newLedger(), rand.New(rand.NewPCG(3, 4))
	for round := range 2 {
		l, err := Open(Options{Files: disk, Segment: 64 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			d.append(l, r, round)
		}
		for log, entries := range d.snapshot() {
			for index, text := range entries {
				got, found, err := l.Content(blobstore.Sum([]byte(text)))
				if err != nil || !found || !bytes.Equal(got, []byte(text)) {
					t.Fatalf("%s %d: found %v, %v: %s", log, index, found, err, got)
				}
			}
		}
		if got, found, err := l.Content(blobstore.Sum([]byte("nothing"))); found || err != nil {
			t.Errorf("found %s, %v", got, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			_ = disk.Remove(fmt.Sprintf("%016d.dig", n+1)) // some may not be made yet
		}
	}
}
