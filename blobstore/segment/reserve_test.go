package segment_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// fill appends batches, as a server does, until the disk is full, and then takes what is
// left of it.
func fillSmall(t *testing.T, disk *fs.Mem, s *segment.Store, l *ledger) {
	t.Helper()
	for range 10_000 {
		if err := appendReserved(s, l, 3000); errors.Is(err, segment.ErrDiskFull) {
			disk.SetSpace(disk.Used())
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the disk does not fill up")
}

// appendReserved appends a batch of n bytes, if there is space for it and for a start.
func appendReserved(s *segment.Store, l *ledger, n int) error {
	frames := randomBatch(rand.New(rand.NewPCG(uint64(l.next), 3)), l.next, n)
	size := 0
	for _, f := range frames {
		size += 64 + len(f.Payload[0]) + len(f.Payload[1])
	}
	l.next++
	if err := s.Reserve(int64(size), 1000); err != nil {
		return err
	}
	l.flight = flat(frames)
	if _, err := s.Append(frames); err != nil {
		return err
	}
	l.acked, l.flight = append(l.acked, l.flight), nil
	return nil
}

// TestStartsOnAFullDisk: more than once (each time takes two blocks), a server that is killed on a full disk starts, can
// write what a start must, gives all that it has, and goes on when there is space.
func TestStartsOnAFullDisk(t *testing.T) {
	disk, l := fs.Memory(), &ledger{}
	disk.SetSpace(2 << 20)
	s, _ := mustOpen(t, disk, small)
	fillSmall(t, disk, s, l)
	for start := range 12 {
		disk = disk.Kill()
		var found segment.Recovery
		s, found = mustOpen(t, disk, small)
		if start == 0 && !found.DiskFull {
			t.Error("the disk is full, and it isn't told")
		}
		l.flight = []string{fmt.Sprintf("%d start %d", segment.KindState, start)}
		if _, err := s.Append([]segment.Frame{{Kind: segment.KindState, Payload: [2][]byte{fmt.Appendf(nil, "start %d", start)}}}); err != nil {
			t.Fatalf("start %d: %v", start, err)
		}
		l.acked = append(l.acked, l.flight)
		if err := s.Secure(0); err != nil && !errors.Is(err, segment.ErrDiskFull) {
			t.Fatal(err)
		}
		equal(t, "on a full disk", scan(t, s, segment.Position{}), slices.Concat(l.acked...))
	}
	if err := s.Reserve(1<<20, 0); !errors.Is(err, segment.ErrDiskFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	disk.SetSpace(4 << 20)
	fillSmall(t, disk, s, l)
	s, found := mustOpen(t, disk.Kill(), small)
	if !found.DiskFull {
		t.Error("the disk is full, and it isn't told")
	}
	equal(t, "after the disk was full twice", scan(t, s, segment.Position{}), slices.Concat(l.acked...))
}

// TestLargeBatchKeptOnAFullDisk: whatever was let in can be written anew by the next start.
func TestLargeBatchKeptOnAFullDisk(t *testing.T) {
	for _, size := range []int{1, 60 << 10, 100 << 10, 1 << 20, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			disk, l := fs.Memory(), &ledger{}
			s, _ := mustOpen(t, disk, small)
			if err := appendReserved(s, l, 100); err != nil {
				t.Fatal(err)
			}
			payload := make([]byte, size)
			if err := s.Reserve(int64(size+200), 5000); err != nil {
				t.Fatal(err)
			}
			var killed *fs.Mem
			disk.SetHook(func(op fs.Op) error {
				if op.Kind == fs.OpSync && killed == nil {
					killed = disk.Kill()
				}
				return nil
			})
			l.acked = append(l.acked, flat([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{payload}}}))
			if _, err := s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{payload}}}); err != nil {
				t.Fatal(err)
			}
			killed.SetSpace(killed.Used())
			s, found := mustOpen(t, killed, small)
			if found.Kept+len(scan(t, s, segment.Position{})) == 0 || !found.DiskFull {
				t.Errorf("%+v", found)
			}
			decisions := []segment.Frame{{Kind: segment.KindDecided, Payload: [2][]byte{make([]byte, 4900)}}}
			l.acked = append(l.acked, flat(decisions))
			if _, err := s.Append(decisions); err != nil {
				t.Fatal("what a start writes:", err)
			}
			got := scan(t, s, segment.Position{})
			if found.Kept == 0 { // killed before the batch was written
				l.acked = slices.Delete(l.acked, len(l.acked)-2, len(l.acked)-1)
			}
			equal(t, "kept", got, slices.Concat(l.acked...))
		})
	}
}

// TestReserveIsNoPartOfTheStream: a lost, short, or strange one is made again.
func TestReserveIsNoPartOfTheStream(t *testing.T) {
	disk, l := fs.Memory(), &ledger{}
	s, _ := mustOpen(t, disk, small)
	for range 3 {
		if err := appendReserved(s, l, 2000); err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(*fs.Mem) error{
		"lost":  func(d *fs.Mem) error { return d.Remove("RESERVE") },
		"empty": func(d *fs.Mem) error { return rewrite(d, "RESERVE", "") },
		"short": func(d *fs.Mem) error { return rewrite(d, "RESERVE", "what is this?") },
	} {
		t.Run(name, func(t *testing.T) {
			disk, l := disk.Kill(), l.fork()
			if err := spoil(disk); err != nil {
				t.Fatal(err)
			}
			s, found := mustOpen(t, disk, small)
			if len(found.Warnings) > 0 {
				t.Errorf("%q", found.Warnings)
			}
			if err := appendReserved(s, l, 100); err != nil {
				t.Fatal(err)
			}
			disk.SetSpace(disk.Used())
			s, found = mustOpen(t, disk.Kill(), small)
			if !found.DiskFull {
				t.Error("the reserve was not made again")
			}
			equal(t, name, scan(t, s, segment.Position{}), slices.Concat(l.acked...))
		})
	}
}

func rewrite(d *fs.Mem, name, content string) error {
	file, err := d.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err = file.WriteAt([]byte(content), 0)
	return err
}

// TestKilledAnywhereStartsOnAFullDisk kills a server before each operation of random
// scripts, in which each batch was reserved for, and fills the disk: the next one starts.
func TestKilledAnywhereStartsOnAFullDisk(t *testing.T) {
	starts, used := 0, 0
	for seed := uint64(1); seed <= 12; seed++ {
		r := rand.New(rand.NewPCG(seed, 4))
		disk, l := fs.Memory(), &ledger{}
		standing := false // from when on there is a reserve
		disk.SetHook(func(op fs.Op) error {
			if !op.Kind.Changes() || !standing {
				return nil
			}
			killed, l := disk.Kill(), l.fork()
			killed.SetSpace(killed.Used())
			s, found, err := segment.Open(killed, small)
			if err != nil {
				t.Fatalf("seed %d, killed before %+v: %v", seed, op, err)
			}
			defer s.Close()
			if err := l.check(scan(t, s, segment.Position{})); err != nil {
				t.Fatalf("seed %d, killed before %+v: %v", seed, op, err)
			}
			if starts++; found.DiskFull {
				used++
			}
			return nil
		})
		for range 3 {
			s, _, err := segment.Open(disk, small)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Secure(0); err != nil {
				t.Fatal(err)
			}
			standing = true
			for range r.IntN(12) {
				if err := appendReserved(s, l, []int{100, 6000, 200_000}[r.IntN(3)]); err != nil {
					t.Fatal(err)
				}
				if r.IntN(3) == 0 {
					err = s.Idle()
				}
			}
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			disk = disk.Kill()
		}
	}
	t.Logf("%d starts, %d of them with what was kept aside", starts, used)
	if used < starts/2 {
		t.Error("the disks were not full")
	}
}

// TestALargeBatchLeavesSpace: what is kept aside for a batch that is too large for the disk is
// not taken from those that aren't.
func TestALargeBatchLeavesSpace(t *testing.T) {
	disk, l := fs.Memory(), &ledger{}
	s, _ := mustOpen(t, disk, small)
	if err := appendReserved(s, l, 100); err != nil {
		t.Fatal(err)
	}
	disk.SetSpace(disk.Used() + 1<<20)
	if err := s.Reserve(3<<20, 0); !errors.Is(err, segment.ErrDiskFull) {
		t.Fatalf("there is room for a third of it: %v", err)
	}
	if err := appendReserved(s, l, 50<<10); err != nil {
		t.Fatal(err)
	}
}
