package index

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func isBroken(t testing.TB, err error) {
	t.Helper()
	if !errors.Is(err, ErrBroken) {
		t.Fatalf("%v, want ErrBroken", err)
	}
}

func TestNoSpaceIsTriedAgain(t *testing.T) {
	for _, op := range []string{"reserve", "commit"} {
		t.Run(op, func(t *testing.T) {
			full := false
			o := Options{hook: func(at string) error {
				if full && at == op {
					return &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
				}
				return nil
			}}
			m := newModel(t, 1)
			path := filepath.Join(t.TempDir(), "index.db")
			x := mustOpen(t, path, o)
			for i := range 20 {
				for range 50 {
					x.Add(m.decide(7))
				}
				wasFull, was := full, x.store.db
				full = i%5 > 1
				cp := checkpoint(uint64(len(m.decisions)))
				cp.Windows = []Window{{Name: "keys", Rows: []WindowRow{{N: uint64(i), Value: []byte{byte(i)}}}}}
				err := x.Flush(cp)
				if full != errors.Is(err, ErrNoSpace) || !full && err != nil || full == (x.Pending() == 0) {
					t.Fatal(full, err, x.Pending())
				}
				if (x.store.db != was) != wasFull {
					t.Fatal("the file is to be opened anew after a full disk, and only then")
				}
				m.check(x)
			}
			full = false
			if err := x.Flush(checkpoint(uint64(len(m.decisions)))); err != nil {
				t.Fatal(err)
			}
			checkWindow(t, x, "keys", 0, 20)
			x = m.restart(x, path)
			checkWindow(t, x, "keys", 0, 20)
			m.check(x)
		})
	}
}

func TestOtherErrorBreaks(t *testing.T) {
	m := newModel(t, 1)
	path := filepath.Join(t.TempDir(), "index.db")
	var fail error
	x := mustOpen(t, path, Options{hook: func(string) error { return fail }})
	for range 100 {
		x.Add(m.decide(7))
	}
	m.flush(x)
	for range 100 {
		x.Add(m.decide(7))
	}
	fail = syscall.EIO
	isBroken(t, x.Flush(checkpoint(150)))
	fail = nil
	isBroken(t, x.Flush(checkpoint(150)))
	isBroken(t, x.Err())
	m.check(x) // from memory, and what is left of the file
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the file is still there:", err)
	}
	if err := x.Discard(); err != nil || x.Err() != nil {
		t.Fatal(err, x.Err())
	}
	m.replay(x)
	m.flush(x)
	m.restart(x, path)
}

// A panic of bbolt's within a write transaction must not hang what follows.
func TestPanicWhileWriting(t *testing.T) {
	m := newModel(t, 1)
	path := filepath.Join(t.TempDir(), "index.db")
	fail := false
	x := mustOpen(t, path, Options{hook: func(string) error {
		if fail {
			panic("assertion failed")
		}
		return nil
	}})
	for range 100 {
		x.Add(m.decide(7))
	}
	m.flush(x)
	fail = true
	isBroken(t, x.Flush(checkpoint(100)))
	fail = false
	m.check(x)
	if err := x.Discard(); err != nil {
		t.Fatal(err)
	}
	m.replay(x)
	m.flush(x)
	m.check(x)
}

func TestSecondProcessIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	mustOpen(t, path, Options{})
	if _, err := Open(path, Options{LockWait: 1}); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != fileMode {
		t.Fatal(info.Mode(), err)
	}
}
