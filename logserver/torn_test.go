package logserver

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// A power cut may leave the decisions of a batch and tear the rest of it: the batch does not
// count then, and an index that was made with it is not believed.
func TestIndexOfATornBatch(t *testing.T) {
	disk, db := fs.Memory(), filepath.Join(t.TempDir(), "db")
	restart := func() {
		t.Helper()
		l, err := Open(Options{Files: disk, DB: db})
		if err != nil {
			t.Fatal(err)
		}
		l.submit(deaf{}, filled(3))
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		mustCheck(t, disk, db)
	}
	restart()
	l, err := Open(Options{Files: disk, DB: db}) // writes decisions, and a checkpoint behind them
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tearLast(t, disk)
	restart()
	restart()
}

// tearLast makes the last frame of a stream one that was not whole when the power failed.
func tearLast(t *testing.T, disk *fs.Mem) {
	t.Helper()
	s, _, err := segment.View(disk)
	if err != nil {
		t.Fatal(err)
	}
	end := s.Durable()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := disk.List()
	if err != nil {
		t.Fatal(err)
	}
	f, err := disk.Open(newestSegment(names))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, 16), end.Offset-24)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if err := disk.Remove("MARK"); err != nil {
		t.Fatal(err)
	}
}

func newestSegment(names []string) (newest string) {
	for _, name := range names {
		if filepath.Ext(name) == ".seg" {
			newest = max(newest, name)
		}
	}
	return newest
}
