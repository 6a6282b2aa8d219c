package logserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
)

func digestOf(text string) string { return blobstore.Sum([]byte(text)).String() }

// What was put is flushed when Put returns, found by its digest, and in no log; the disk may lose its power then.
func TestPutIsFlushedAndNotOrdered(t *testing.T) {
	n := newLAN(t)
	files, db := fs.Memory(), filepath.Join(t.TempDir(), "db")
	l := n.start(t, 1, files, db)
	ctx := context.Background()
	until(t, "it to serve", func() bool { s, _ := l.Standing(); return s.Serving })
	for _, event := range []string{`{"n":1}`, " { \"n\" : 2 } ", `[]`, `{"text":"\u2028","n":1.0}`} {
		compact := strings.NewReplacer(" ", "").Replace(event)
		for range 2 { // again is no error
			if err := l.Put(ctx, digestOf(compact), []byte(event)); err != nil {
				t.Fatalf("%s: %v", event, err)
			}
		}
	}
	for name, c := range map[string][2]string{
		"another digest":  {digestOf(`{"n":3}`), `{"n":4}`},
		"with its spaces": {digestOf(`{"n": 3}`), `{"n": 3}`},
		"large digits":    {strings.ToUpper(digestOf(`{"n":3}`)), `{"n":3}`},
		"a time stamp":    {"2026-11-20T10:00:00Z", `{"n":3}`},
		"no key":          {"", `{"n":3}`},
		"a scalar":        {digestOf(`3`), `3`},
		"too deep":        {digestOf(strings.Repeat("[", 200) + strings.Repeat("]", 200)), strings.Repeat("[", 200) + strings.Repeat("]", 200)},
		"too long":        {digestOf(`["` + strings.Repeat("x", 1<<20) + `"]`), `["` + strings.Repeat("x", 1<<20) + `"]`},
	} {
		if err := l.Put(ctx, c[0], []byte(c[1])); !errors.Is(err, peer.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if head := l.HeadOf("main"); head != 0 {
		t.Errorf("the head is %d", head)
	}
	after := files.Crash(rand.New(rand.NewPCG(1, 1)))
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Put(ctx, digestOf(`[]`), []byte(`[]`)); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	l = n.start(t, 1, after, filepath.Join(t.TempDir(), "db"))
	for _, text := range []string{`{"n":1}`, `{"n":2}`, `[]`, `{"text":"\u2028","n":1.0}`} {
		if got, found, err := l.Content(blobstore.Sum([]byte(text))); err != nil || !found || string(got) != text {
			t.Errorf("%s: %q, %v, %v", text, got, found, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := check.Data(check.Options{Files: after}); err != nil {
		t.Error(err)
	}
}

// The same content, put and appended in every order, is one entry at each index that it was given: the index is what the
// segments say, also when it is made anew.
func TestPutBesideAppends(t *testing.T) {
	n := newLAN(t)
	files, db := fs.Memory(), filepath.Join(t.TempDir(), "db")
	l := n.start(t, 1, files, db)
	until(t, "it to serve", func() bool { s, _ := l.Standing(); return s.Serving })
	ctx := context.Background()
	text := []byte(`{"again":true}`)
	w := l.NewWriter("main")
	for i := range uint64(40) {
		if i%3 > 0 {
			if err := l.Put(ctx, digestOf(string(text)), text); err != nil {
				t.Fatal(err)
			}
		}
		w.Add(text)
		w.Submit(Conditions{})
		if i%2 == 0 {
			if err := l.Put(ctx, digestOf(string(text)), text); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := w.Wait(); err != nil || got.First != i+1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	w.Close()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if report, err := check.Data(check.Options{Files: files, DB: db}); err != nil || report.Entries != 40 {
		t.Errorf("%+v, %v", report, err)
	}
	l = n.start(t, 1, files, filepath.Join(t.TempDir(), "another"))
	if head := l.HeadOf("main"); head != 40 {
		t.Errorf("the head is %d", head)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Where nothing can be written a put is told so, and goes on when there is space.
func TestPutOnAFullDisk(t *testing.T) {
	n := newLAN(t)
	files := fs.Memory()
	l := n.start(t, 1, files, filepath.Join(t.TempDir(), "db"))
	until(t, "it to serve", func() bool { s, _ := l.Standing(); return s.Serving })
	ctx := context.Background()
	files.SetSpace(files.Used())
	put := func(i int) error {
		event := fmt.Sprintf(`{"n":%d,"pad":%q}`, i, strings.Repeat("x", 100_000))
		return l.Put(ctx, digestOf(event), []byte(event))
	}
	i := 0
	until(t, "the disk to be full", func() bool { i++; return put(i) != nil })
	files.SetSpace(1 << 30)
	until(t, "space", func() bool { return put(i) == nil })
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := check.Data(check.Options{Files: files}); err != nil {
		t.Error(err)
	}
}

// A log that is alone has no peers that could put anything.
func TestNobodyPutsToALogAlone(t *testing.T) {
	l, err := Open(Options{Blobs: InMemory})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := l.Put(context.Background(), digestOf(`[]`), []byte(`[]`)); err == nil || errors.Is(err, peer.ErrRefused) {
		t.Error(err)
	}
}
