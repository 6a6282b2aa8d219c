package index

import (
	"errors"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample is a file with rows, windows, overwritten pages and a checkpoint.
func sample(t testing.TB, decisions int) (m *model, file []byte) {
	m = newModel(t, 1)
	path := filepath.Join(t.TempDir(), "sample.db")
	x := mustOpen(t, path, Options{})
	for i := range 8 {
		for range decisions / 8 {
			x.Add(m.decide(7))
		}
		cp := checkpoint(uint64(len(m.decisions)))
		cp.Windows = []Window{window(uint64(max(i-2, 0)*100), uint64(i*100), uint64(i*100+100))}
		if err := x.Flush(cp); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return m, file
}

// survives opens a damaged file and reads all of it, then goes on as a server
// does: whatever it returns is right, or there is ErrBroken, and then a
// rebuild heals it.
func (m *model) survives(path string, what any) (noticed bool) {
	m.t.Helper()
	return m.survivesWith(path, what, Options{})
}

func (m *model) survivesWith(path string, what any, o Options) (noticed bool) {
	m.t.Helper()
	x, err := Open(path, o)
	if err != nil {
		m.t.Fatalf("%v: %v", what, err)
	}
	defer func() {
		if err := x.Close(); err != nil && !errors.Is(err, ErrBroken) {
			m.t.Fatalf("%v: %v", what, err)
		}
		os.Remove(path)
	}()
	noticed = x.Rebuilt() != ""
	m.replay(x)
	for range 2 {
		if !m.rightOrBroken(x, what) || !m.windowRightOrBroken(x, what) {
			noticed = true
			m.rebuild(x, what)
		}
		if err := x.Flush(checkpoint(uint64(len(m.decisions)))); err != nil {
			noticed = true
			m.rebuild(x, what)
		}
	}
	m.check(x)
	return noticed
}

func (m *model) rebuild(x *Index, what any) {
	m.t.Helper()
	if x.Err() == nil {
		m.t.Fatalf("%v: an error, but not marked broken", what)
	}
	if err := x.Discard(); err != nil {
		m.t.Fatalf("%v: %v", what, err)
	}
	m.replay(x)
}

func (m *model) rightOrBroken(x *Index, what any) bool {
	m.t.Helper()
	right := true
	for log := uint32(1); log <= 7; log++ {
		for from := uint64(1); from <= m.head(log); from += 1 + m.head(log)/5 {
			got, err := x.Range(log, from, nil, 1000)
			want := m.want(log, from, 1000)
			if err == nil && !slices.Equal(got, want) || err != nil && !errors.Is(err, ErrBroken) || len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				m.t.Fatalf("%v: wrong rows of log %d from %d on: %v", what, log, from, err)
			}
			right = right && err == nil
			_, _, err = x.AtTime(log, m.want(log, from, 1)[0].Time)
			right = right && err == nil
		}
	}
	return right
}

func (m *model) windowRightOrBroken(x *Index, what any) bool {
	m.t.Helper()
	err := x.Window("keys", func(n uint64, value []byte) error {
		if len(value) != 1 || value[0] != byte(n) {
			m.t.Fatalf("%v: row %d of the window is %v", what, n, value)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrBroken) {
		m.t.Fatalf("%v: %v", what, err)
	}
	return err == nil
}

// used is how many bytes of the file have pages; the rest is set aside.
func used(t testing.TB, file []byte) int {
	m, err := readMeta(strings.NewReader(string(file)), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return int(m.pages * m.pageSize)
}

func write(t testing.TB, path string, file []byte) {
	t.Helper()
	if err := os.WriteFile(path, file, fileMode); err != nil {
		t.Fatal(err)
	}
}

// lazy is how large files are opened: rows are checked when they are read.
var lazy = Options{deep: 1}

func TestFlippedBytes(t *testing.T) {
	for name, o := range map[string]Options{"deep": {}, "lazy": lazy} {
		t.Run(name, func(t *testing.T) { flipBytes(t, o) })
	}
}

func flipBytes(t *testing.T, o Options) {
	m, file := sample(t, 800)
	end := used(t, file)
	rnd := rand.New(rand.NewSource(1))
	path := filepath.Join(t.TempDir(), "index.db")
	noticed, n := 0, 0
	for at := 0; at < end; at += 1 + rnd.Intn(2400) {
		damaged := slices.Clone(file[:end])
		if rnd.Intn(2) == 0 {
			damaged[at] ^= 1 << rnd.Intn(8)
		} else {
			damaged[at] ^= byte(1 + rnd.Intn(255))
		}
		write(t, path, damaged)
		n++
		if m.survivesWith(path, at, o) {
			noticed++
		}
	}
	t.Logf("%d of %d flips noticed; with the others all answers were right too", noticed, n)
	if noticed == 0 {
		t.Fatal("none noticed")
	}
}

func TestTruncated(t *testing.T) {
	m, file := sample(t, 400)
	end := used(t, file)
	path := filepath.Join(t.TempDir(), "index.db")
	rnd := rand.New(rand.NewSource(1))
	for at := 1; at < end; at += 1 + rnd.Intn(6000) {
		write(t, path, file[:at])
		if !m.survives(path, at) {
			t.Fatalf("truncated at %d, not noticed", at)
		}
	}
}

// Blocks zeroed, doubled, swapped, and taken from the past.
func TestMisplacedBlocks(t *testing.T) {
	m, file := sample(t, 800)
	blocks := used(t, file) / 4096
	path := filepath.Join(t.TempDir(), "index.db")
	rnd := rand.New(rand.NewSource(1))
	block := func(file []byte, n int) []byte { return file[n*4096:][:4096] }
	for i := range 3 * blocks {
		damaged := slices.Clone(file[:blocks*4096])
		a, b := i%blocks, rnd.Intn(blocks)
		switch i / blocks {
		case 0:
			clear(block(damaged, a))
		case 1:
			copy(block(damaged, b), block(file, a))
		case 2:
			copy(block(damaged, b), block(file, a))
			copy(block(damaged, a), block(file, b))
		}
		write(t, path, damaged)
		m.survivesWith(path, []int{i / blocks, a, b}, []Options{{}, lazy}[rnd.Intn(2)])
	}
}

func TestTruncatedWhileOpen(t *testing.T) {
	m, file := sample(t, 800)
	path := filepath.Join(t.TempDir(), "index.db")
	write(t, path, file)
	x := mustOpen(t, path, Options{})
	if err := os.Truncate(path, 8192); err != nil {
		t.Fatal(err)
	}
	if m.rightOrBroken(x, "truncated") {
		t.Fatal("not noticed")
	}
	m.rebuild(x, "truncated")
	m.check(x)
}

func TestNotAnIndex(t *testing.T) {
	m, _ := sample(t, 80)
	dir := t.TempDir()
	path := filepath.Join(dir, "index.db")
	garbage := make([]byte, 50000)
	rand.New(rand.NewSource(1)).Read(garbage)
	for _, content := range []string{"\n", "precious words", string(make([]byte, 16384)), string(garbage)} {
		write(t, path, []byte(content))
		if !m.survives(path, content[:1]) {
			t.Fatal("not noticed")
		}
		if aside, err := os.ReadFile(path + asideSuffix); err != nil || string(aside) != content {
			t.Fatal("what was there has not been kept:", err)
		}
	}
}

func TestDirectoryInItsPlace(t *testing.T) {
	m, _ := sample(t, 80)
	path := filepath.Join(t.TempDir(), "index.db")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	m.survives(path, "empty directory")
	if err := os.MkdirAll(filepath.Join(path, "precious"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Fatal(err)
	}
}

func TestForeign(t *testing.T) {
	_, file := sample(t, 80)
	path := filepath.Join(t.TempDir(), "index.db")
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, ""},
		{Options{Cluster: [16]byte{1}, Node: [16]byte{2}}, ""},
		{Options{Cluster: [16]byte{9}}, "another cluster"},
		{Options{Node: [16]byte{9}}, "another node"},
	} {
		write(t, path, file)
		x := mustOpen(t, path, c.o)
		if why := x.Rebuilt(); !strings.Contains(why, c.want) || (why == "") != (c.want == "") {
			t.Fatalf("%+v: %q", c.o, why)
		}
		if _, ok := x.Checkpoint(); ok != (c.want == "") {
			t.Fatal("checkpoint:", ok)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
