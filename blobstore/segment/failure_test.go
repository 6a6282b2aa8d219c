package segment_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// TestEveryOperationFailsOnce: whatever fails, nothing is done afterwards but closing,
// nothing that was acknowledged is lost, and the next Open finds it.
func TestEveryOperationFailsOnce(t *testing.T) {
	broken := errors.New("broken")
	for n := 0; ; n++ {
		disk, l, r := fs.Memory(), &ledger{}, rand.New(rand.NewPCG(1, 1))
		left, failed := n, ""
		disk.SetHook(func(op fs.Op) error {
			if failed != "" && op.Kind.Changes() && op.Kind != fs.OpRemove {
				t.Errorf("operation %d, %s, failed; then %+v was tried", n, failed, op)
			}
			if left--; left == -1 {
				failed = fmt.Sprintf("%+v", op)
				return broken
			}
			return nil
		})
		s, _, err := segment.Open(disk, l.options())
		for range 12 {
			if err == nil {
				err = errors.Join(l.append(s, r), s.Idle())
			}
		}
		if failed == "" {
			t.Logf("%d operations", n)
			return
		}
		if !errors.Is(err, broken) {
			t.Fatalf("operation %d, %s, failed: %v", n, failed, err)
		}
		if s != nil {
			if _, again := s.Append(nil); !errors.Is(again, broken) {
				t.Fatalf("operation %d, %s, failed, and appending went on: %v", n, failed, again)
			}
			s.Close()
		}
		disk.SetHook(nil)
		var c crasher
		if err := c.survive(disk.Crash(r), l, r); err != nil {
			t.Fatalf("operation %d, %s, failed: %v", n, failed, err)
		}
	}
}

// TestFullDisk: each time that blocks or a file can't be had, the append is refused, and
// the stream is as it was.
func TestFullDisk(t *testing.T) {
	for n := range 40 {
		disk, l, r := fs.Memory(), &ledger{}, rand.New(rand.NewPCG(2, 2))
		s, _, err := segment.Open(disk, l.options())
		if err != nil {
			t.Fatal(err)
		}
		space := n
		disk.SetHook(func(op fs.Op) error {
			if op.Kind != fs.OpAllocate && (op.Kind != fs.OpCreate || !strings.HasSuffix(op.Name, ".seg.tmp")) {
				return nil
			}
			if space--; space < 0 {
				return fs.ErrNoSpace
			}
			return nil
		})
		refused := 0
		for range 15 {
			if err := errors.Join(l.append(s, r), s.Idle()); err != nil {
				if !errors.Is(err, segment.ErrDiskFull) {
					t.Fatalf("space %d: %v", n, err)
				}
				refused++
				space = n // somebody made some
				l.flight = nil
			}
		}
		if n == 0 && refused != 15 {
			t.Errorf("%d of 15 were refused on a full disk", refused)
		}
		s.Close()
		disk.SetHook(nil)
		s, _ = mustOpen(t, disk, small)
		shown, err := new(crasher).scan(disk, s)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "after a full disk", shown, slices.Concat(l.acked...))
	}
}

func TestFullDiskAtOpen(t *testing.T) {
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	s.Append([]segment.Frame{{Kind: segment.KindOrder}})
	s.Close()
	disk.SetHook(func(op fs.Op) error {
		if op.Kind == fs.OpAllocate {
			return fs.ErrNoSpace
		}
		return nil
	})
	if _, _, err := segment.Open(disk, small); !errors.Is(err, segment.ErrDiskFull) {
		t.Errorf("got %v", err)
	}
	disk.SetHook(nil)
	s, rec := mustOpen(t, disk, small)
	if got := scan(t, s, segment.Position{}); len(got) != 1 || len(rec.Warnings) > 0 {
		t.Errorf("%q, %+v", got, rec)
	}
}

// TestOperations is the list of what is done to the disk, and in which order: the
// promises about flushes are read off here.
func TestOperations(t *testing.T) {
	disk := fs.Memory()
	var ops []string
	disk.SetHook(func(op fs.Op) error {
		if op.Kind.Changes() && op.Kind != fs.OpAllocate {
			name := strings.TrimLeft(strings.TrimSuffix(op.Name, ".tmp"), "0")
			ops = append(ops, strings.TrimSpace(string(op.Kind)+" "+name))
		}
		return nil
	})
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(ops, want) {
			t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(ops, ", "), strings.Join(want, ", "))
		}
		ops = nil
	}
	frame := func(n int) []segment.Frame {
		return []segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, n)}}}
	}
	s, _ := mustOpen(t, disk, small)
	expect("found",
		"remove 1.seg", "create 1.seg", "write 1.seg", "sync 1.seg", "rename 1.seg", "syncdir",
		"remove MARK", "create MARK", "write MARK", "sync MARK", "rename MARK", "syncdir",
		"write MARK", "sync MARK")
	s.Idle()
	expect("idle before the first append")
	s.Secure(0)
	expect("kept aside", "create RESERVE", "sync RESERVE", "syncdir")
	s.Append(frame(100))
	expect("append", "write 1.seg", "sync 1.seg", "write MARK")
	s.Idle()
	expect("idle: the blocks ahead were zeroed with the append", "sync MARK")
	s.Idle()
	expect("still idle")
	s.Append(frame(60000))
	expect("append", "write 1.seg", "sync 1.seg", "write MARK")
	s.Append(frame(60000))
	expect("roll over",
		"remove 2.seg", "create 2.seg",
		"write 1.seg", "sync 1.seg", "write MARK",
		"write 2.seg", "sync 2.seg", "rename 2.seg", "syncdir",
		"write MARK", "sync MARK",
		"write 2.seg", "sync 2.seg", "write MARK")
	s.Close()
	expect("close", "sync MARK")
	mustOpen(t, disk, small)
	expect("open again",
		"syncdir", "remove 3.seg", "create 3.seg", "write 3.seg", "sync 3.seg", "rename 3.seg", "syncdir",
		"write MARK", "sync MARK")
}
