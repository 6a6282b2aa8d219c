package fs_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// both runs a test of the contract on each file system.
func both(t *testing.T, test func(t *testing.T, f fs.FS)) {
	t.Run("dir", func(t *testing.T) { test(t, openDir(t, t.TempDir())) })
	t.Run("memory", func(t *testing.T) { test(t, fs.Memory()) })
}

func openDir(t *testing.T, path string) fs.FS {
	t.Helper()
	d, err := fs.Dir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func create(t *testing.T, f fs.FS, name, content string) fs.File {
	t.Helper()
	file, err := f.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	if _, err := file.WriteAt([]byte(content), 0); err != nil {
		t.Fatal(err)
	}
	return file
}

func content(t *testing.T, f fs.FS, name string) string {
	t.Helper()
	file, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		t.Fatal(err)
	}
	p := make([]byte, size)
	if _, err := file.ReadAt(p, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return string(p)
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestNames(t *testing.T) {
	both(t, func(t *testing.T, f fs.FS) {
		create(t, f, "b", "of b")
		create(t, f, "a", "of a")
		if _, err := f.Create("a"); !errors.Is(err, os.ErrExist) {
			t.Errorf("creating twice: %v", err)
		}
		check(t, f.Rename("a", "b"), f.SyncDir())
		if got := content(t, f, "b"); got != "of a" {
			t.Errorf("rename did not replace: %q", got)
		}
		for _, err := range []error{f.Rename("a", "c"), f.Remove("a"), openErr(f, "a")} {
			if !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a name that is gone: %v", err)
			}
		}
		create(t, f, "0", "")
		if got := list(t, f); !slices.Equal(got, []string{"0", "b"}) {
			t.Errorf("names: %q", got)
		}
		check(t, f.Remove("b"), f.SyncDir(), f.Close(), f.Close())
	})
}

func openErr(f fs.FS, name string) error {
	_, err := f.Open(name)
	return err
}

// list returns the names without the lock's.
func list(t *testing.T, f fs.FS) []string {
	t.Helper()
	names, err := f.List()
	check(t, err)
	return slices.DeleteFunc(names, func(n string) bool { return n == fs.LockName })
}

func TestContent(t *testing.T) {
	both(t, func(t *testing.T, f fs.FS) {
		file := create(t, f, "a", "0123456789")
		check(t, file.Allocate(4, 16), file.Sync())
		if got := content(t, f, "a"); got != "0123456789"+string(make([]byte, 10)) {
			t.Errorf("allocated: %q", got)
		}
		check(t, file.Truncate(5), file.Truncate(8))
		if got := content(t, f, "a"); got != "01234\x00\x00\x00" {
			t.Errorf("cut and grown again: %q", got)
		}
		p := make([]byte, 4)
		if n, err := file.ReadAt(p, 6); n != 2 || err != io.EOF {
			t.Errorf("reading beyond the end: %d, %v", n, err)
		}
		check(t, file.Close())
		if err := file.Sync(); err == nil {
			t.Error("a closed file can be synced")
		}
	})
}

// TestMemoryIsLikeDir does the same random things to both.
func TestMemoryIsLikeDir(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	systems := []fs.FS{openDir(t, t.TempDir()), fs.Memory()}
	var files []fs.File
	for _, f := range systems {
		files = append(files, create(t, f, "a", ""))
	}
	for range 500 {
		what, off, data := rng.IntN(4), rng.Int64N(30000), make([]byte, rng.IntN(10000))
		fill := byte(rng.IntN(256))
		for i := range data {
			data[i] = fill
		}
		for _, file := range files {
			size, err := file.Size()
			check(t, err)
			switch what {
			case 0, 1:
				_, err = file.WriteAt(data, off)
			case 2:
				err = file.Truncate(off)
			case 3:
				err = file.Allocate(min(off, size), int64(len(data)+1))
			}
			check(t, err)
		}
		if content(t, systems[0], "a") != content(t, systems[1], "a") {
			t.Fatalf("they differ after operation %d at %d with %d bytes", what, off, len(data))
		}
	}
}

func TestDirIsLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made")
	first := openDir(t, path)
	_, err := fs.Dir(path)
	var locked *fs.LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Errorf("a second opening: %v", err)
	}
	look, err := fs.ReadOnly(path)
	check(t, err)
	defer look.Close()
	if _, err := look.Create("x"); !errors.Is(err, fs.ErrReadOnly) {
		t.Errorf("creating where only reading is allowed: %v", err)
	}
	check(t, first.Close())
	openDir(t, path)
}

func TestDirRefuses(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	check(t, os.Symlink("elsewhere", filepath.Join(path, "link")), os.Mkdir(filepath.Join(path, "folder"), 0o700))
	for _, name := range []string{"link", "folder"} {
		if _, err := d.Open(name); !errors.Is(err, fs.ErrNotRegular) {
			t.Errorf("open %s: %v", name, err)
		}
	}
	if _, err := fs.Dir(filepath.Join(path, "no", "parent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no parent: %v", err)
	}
	plain := create(t, d, "plain", "")
	check(t, plain.Close())
	if _, err := fs.Dir(filepath.Join(path, "plain")); err == nil {
		t.Error("a file was opened as a directory")
	}
}

func TestHookRefuses(t *testing.T) {
	m := fs.Memory()
	file := create(t, m, "a", "before")
	refused := errors.New("refused")
	m.SetHook(func(op fs.Op) error {
		if op.Kind == fs.OpWriteAt && op.Name == "a" && op.Off == 1 && op.Len == 4 {
			return refused
		}
		return nil
	})
	if _, err := file.WriteAt([]byte("harm"), 1); err != refused {
		t.Errorf("got %v", err)
	}
	if got := content(t, m, "a"); got != "before" {
		t.Errorf("it was done all the same: %q", got)
	}
}

func TestCrashKeepsWhatWasSynced(t *testing.T) {
	m := fs.Memory()
	file := create(t, m, "a", "durable")
	check(t, file.Sync(), m.SyncDir())
	for seed := range uint64(50) {
		after := m.Crash(rand.New(rand.NewPCG(seed, 0)))
		if got := content(t, after, "a"); got != "durable" {
			t.Fatalf("seed %d: %q", seed, got)
		}
		// What is done to the one is not seen in the other.
		f, err := after.Open("a")
		check(t, err)
		f.WriteAt([]byte("harm"), 0)
	}
	if got := content(t, m, "a"); got != "durable" {
		t.Errorf("the crash harmed the living: %q", got)
	}
}

// TestCrashLosesWhatWasNot looks for each fate that unsynced things may meet.
func TestCrashLosesWhatWasNot(t *testing.T) {
	const size = 3 * 4096
	m := fs.Memory()
	file := create(t, m, "a", string(bytes.Repeat([]byte{'0'}, size)))
	check(t, file.Sync(), m.SyncDir())
	for _, fill := range []byte("12") {
		file.WriteAt(bytes.Repeat([]byte{fill}, size), 0)
	}
	check(t, file.Truncate(size+100), m.Rename("a", "b"))
	create(t, m, "c", "")
	seen := map[string]bool{}
	for seed := range uint64(300) {
		after := m.Crash(rand.New(rand.NewPCG(seed, 0)))
		names := list(t, after)
		seen["rename kept"] = seen["rename kept"] || slices.Contains(names, "b")
		seen["rename lost"] = seen["rename lost"] || slices.Contains(names, "a")
		seen["create kept"] = seen["create kept"] || slices.Contains(names, "c")
		seen["create lost"] = seen["create lost"] || !slices.Contains(names, "c")
		if slices.Contains(names, "a") == slices.Contains(names, "b") {
			t.Fatalf("seed %d: a rename in halves: %q", seed, names)
		}
		got := content(t, after, names[0])
		seen["size kept"] = seen["size kept"] || len(got) == size+100
		seen["size lost"] = seen["size lost"] || len(got) == size
		for _, fill := range "012" {
			seen["all "+string(fill)] = seen["all "+string(fill)] || got[:size] == string(bytes.Repeat([]byte(string(fill)), size))
		}
		seen["torn between blocks"] = seen["torn between blocks"] || got[0] != got[4096]
		seen["torn within a block"] = seen["torn within a block"] || got[0] != got[512]
		if got[0] != got[511] {
			t.Fatalf("seed %d: torn within a sector", seed)
		}
	}
	for _, fate := range []string{"rename kept", "rename lost", "create kept", "create lost", "size kept", "size lost",
		"all 0", "all 1", "all 2", "torn between blocks", "torn within a block"} {
		if !seen[fate] {
			t.Errorf("never seen: %s", fate)
		}
	}
}

func TestKillLosesNothingYet(t *testing.T) {
	m := fs.Memory()
	file := create(t, m, "a", "durable")
	check(t, file.Sync(), m.SyncDir())
	file.WriteAt([]byte("in the cache, not on disk"), 0)
	check(t, m.Rename("a", "b"))
	next := m.Kill()
	file.WriteAt([]byte("by a dead process"), 0)
	if got := content(t, next, "b"); got != "in the cache, not on disk" {
		t.Errorf("the next process finds %q", got)
	}
	seen := map[string]bool{}
	for seed := range uint64(50) {
		after := next.Crash(rand.New(rand.NewPCG(seed, 0)))
		name := list(t, after)[0]
		seen[name+": "+content(t, after, name)[:7]] = true
	}
	if len(seen) != 4 {
		t.Errorf("after a power cut: %v, want both names with both contents", seen)
	}
}

func TestLyingDiskLosesWhatWasSynced(t *testing.T) {
	m := fs.Memory()
	m.Lie(func(fs.Op) bool { return true })
	file := create(t, m, "a", "not durable")
	check(t, file.Sync(), m.SyncDir())
	lost := 0
	for seed := range uint64(50) {
		if len(list(t, m.Crash(rand.New(rand.NewPCG(seed, 0))))) == 0 {
			lost++
		}
	}
	if lost == 0 {
		t.Error("nothing was lost")
	}
}
