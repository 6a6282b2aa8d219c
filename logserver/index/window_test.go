package index

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"path/filepath"
	"syscall"
	"testing"
)

// checkWindow expects the rows first to next-1, each with its number as its value.
func checkWindow(t *testing.T, x *Index, name string, first, next uint64) {
	t.Helper()
	n := first
	err := x.Window(name, func(got uint64, value []byte) error {
		if got != n || string(value) != string([]byte{byte(n)}) {
			return fmt.Errorf("row %d with value %v, want %d", got, value, n)
		}
		n++
		return nil
	})
	if err != nil || n != next {
		t.Fatalf("window %s ends at %d, want %d: %v", name, n, next, err)
	}
}

func window(first, from, to uint64) Window {
	w := Window{Name: "keys", First: first}
	for n := from; n < to; n++ {
		w.Rows = append(w.Rows, WindowRow{n, []byte{byte(n)}})
	}
	return w
}

func TestWindow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := mustOpen(t, path, Options{})
	for i, step := range []struct {
		w           Window
		first, next uint64
	}{
		{window(0, 0, 0), 0, 0},
		{window(0, 1, 10), 1, 10},
		{window(1, 10, 20), 1, 20},
		{window(15, 20, 30), 15, 30},
		{window(15, 25, 31), 15, 31},       // told twice
		{window(3, 31, 31), 15, 31},        // First never goes back
		{window(31, 31, 31), 31, 31},       // all gone
		{window(40, 31, 10031), 40, 10031}, // more than one transaction
		{window(20000, 19000, 20010), 20000, 20010},
		{window(20005, 20010, 20010), 20005, 20010},
	} {
		cp := checkpoint(uint64(i))
		cp.Windows = []Window{step.w, {Name: "other", Rows: []WindowRow{{uint64(i), []byte{byte(i)}}}}}
		if err := x.Flush(cp); err != nil {
			t.Fatal(i, err)
		}
		checkWindow(t, x, "keys", step.first, step.next)
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		x = mustOpen(t, path, Options{})
		checkWindow(t, x, "keys", step.first, step.next)
		checkWindow(t, x, "other", 0, uint64(i+1))
	}
	if err := x.Flush(Checkpoint{Applied: 99, Windows: []Window{window(20005, 20020, 20021)}}); !errors.Is(err, errWindow) || x.Err() != nil {
		t.Fatal(err, x.Err())
	}
	stop := errors.New("stop")
	if err := x.Window("keys", func(uint64, []byte) error { return stop }); err != stop {
		t.Fatal(err)
	}
}

// with is the window of rows from to to-1 with other values.
func with(value byte, first, from, to uint64) Window {
	w := window(first, from, to)
	for i := range w.Rows {
		w.Rows[i].Value = []byte{value}
	}
	return w
}

// Random windows, of which a full disk delays some, against a map. Replacing a row
// must not lose those behind it.
func TestWindowModel(t *testing.T) {
	for seed := range int64(30) {
		rnd := rand.New(rand.NewSource(seed))
		path := filepath.Join(t.TempDir(), "index.db")
		full := false
		o := Options{hook: func(string) error {
			if full {
				return &fs.PathError{Op: "write", Err: syscall.ENOSPC}
			}
			return nil
		}}
		x := mustOpen(t, path, o)
		want, first, next := make(map[uint64]byte), uint64(1), uint64(1)
		for step := range 40 {
			from := first + uint64(rnd.Int63n(int64(next-first+1)))
			to := from + uint64(rnd.Intn(8))
			first = min(first+uint64(rnd.Intn(4))*uint64(rnd.Intn(4)), max(next, to))
			w := with(byte(step), first, from, to)
			for n := from; n < to; n++ {
				want[n] = byte(step)
			}
			next = max(next, to)
			full = rnd.Intn(3) == 0
			cp := checkpoint(uint64(step + 1))
			cp.Windows = []Window{w}
			if err := x.Flush(cp); err != nil && !(full && errors.Is(err, ErrNoSpace)) {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			if full {
				continue
			}
			n := first
			err := x.Window("keys", func(got uint64, value []byte) error {
				if got != n || value[0] != want[n] {
					return fmt.Errorf("row %d is %v, want %d with %d", got, value, n, want[n])
				}
				n++
				return nil
			})
			if err != nil || n != next {
				t.Fatalf("seed %d, step %d: ends at %d, want %d: %v", seed, step, n, next, err)
			}
		}
	}
}

func TestWindowRowReplaced(t *testing.T) {
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"), Options{})
	for i, w := range []Window{window(1, 1, 10), window(1, 5, 6), window(1, 10, 11), window(40, 40, 42), window(40, 40, 41)} {
		cp := checkpoint(uint64(i + 1))
		cp.Windows = []Window{w}
		if err := x.Flush(cp); err != nil {
			t.Fatal(i, err)
		}
		checkWindow(t, x, "keys", max(w.First, 1), []uint64{10, 10, 11, 42, 42}[i])
	}
}
