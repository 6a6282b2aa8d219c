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

// viewed is what a directory shows to who only reads it.
func viewed(t testing.TB, f fs.FS) ([]string, segment.Identity) {
	t.Helper()
	s, _, err := segment.View(f)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return scan(t, s, segment.Position{}), s.Identity()
}

// appendSome appends random batches, enough for a few files if n is some tens.
func appendSome(t testing.TB, s *segment.Store, r *rand.Rand, n int) {
	t.Helper()
	for i := range n {
		if _, err := s.Append(randomBatch(r, i, 3000)); err != nil {
			t.Fatal(err)
		}
	}
}

func backUp(t testing.TB, from, to fs.FS, o segment.CopyOptions) segment.Copied {
	t.Helper()
	copied, err := segment.Backup(from, to, o)
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestBackup: a stream that is appended to, stopped, killed and begun again is backed up now and
// then; each backup holds all there is, and nothing that ended before is written again.
func TestBackup(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		disk, backup := fs.Memory(), fs.Memory()
		s, _ := mustOpen(t, disk, small)
		for range 12 {
			appendSome(t, s, r, r.IntN(60))
			live := r.IntN(2) == 0
			if !live {
				if r.IntN(2) == 0 {
					s.Close()
				} else {
					disk = disk.Crash(r) // the old store goes on with the old disk, unseen
				}
			}
			before, _ := backup.List()
			written := map[string]bool{}
			backup.SetHook(func(op fs.Op) error {
				if op.Kind == fs.OpWriteAt {
					written[op.Name] = true
				}
				return nil
			})
			copied := backUp(t, disk, backup, segment.CopyOptions{Whole: !live})
			backup.SetHook(nil)
			got, identity := viewed(t, backup)
			if !live {
				s, _ = mustOpen(t, disk, small)
			}
			equal(t, fmt.Sprintf("seed %d: the backup", seed), got, scan(t, s, segment.Position{}))
			if identity != s.Identity() || copied.Identity != identity {
				t.Fatalf("seed %d: the backup is of %v, not %v", seed, identity, s.Identity())
			}
			sealed := slices.DeleteFunc(before, func(name string) bool { return len(name) < 20 || name[16:] != ".seg" })
			for i, name := range sealed {
				if i < len(sealed)-1 && written[name] {
					t.Fatalf("seed %d: %s was written again", seed, name)
				}
			}
		}
	}
}

// TestBackupBrokenOff: wherever a backup is broken off and the power of its disk cut, what is there is
// good, and another backup goes on to the same end.
func TestBackupBrokenOff(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	appendSome(t, s, r, 30)
	first := fs.Memory()
	backUp(t, disk, first, segment.CopyOptions{})
	appendSome(t, s, r, 150)
	want := scan(t, s, segment.Position{})
	broken := errors.New("broken off")
	for n, ended := 0, false; !ended; n++ {
		backup, left := first.Crash(r), n // a copy: all of it is synced
		backup.SetHook(func(fs.Op) error {
			if left--; left < 0 {
				return broken
			}
			return nil
		})
		_, err := segment.Backup(disk, backup, segment.CopyOptions{})
		if ended = err == nil; !ended && !errors.Is(err, broken) {
			t.Fatal(err)
		}
		backup = backup.Crash(r)
		backup.SetHook(nil)
		got, _ := viewed(t, backup)
		equal(t, fmt.Sprintf("broken off at %d", n), got, want[:min(len(got), len(want))])
		backUp(t, disk, backup, segment.CopyOptions{})
		got, _ = viewed(t, backup)
		equal(t, fmt.Sprintf("gone on after %d", n), got, want)
	}
}

func TestBackupRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	disk := fs.Memory()
	s, _ := mustOpen(t, disk, small)
	appendSome(t, s, r, 10)
	old := disk.Crash(r)
	appendSome(t, s, r, 90)
	backup := fs.Memory()
	backUp(t, disk, backup, segment.CopyOptions{})

	t.Run("another stream", func(t *testing.T) {
		other := fs.Memory()
		mustOpen(t, other, small)
		var foreign *segment.ForeignError
		if _, err := segment.Backup(other, backup, segment.CopyOptions{}); !errors.As(err, &foreign) {
			t.Errorf("%v", err)
		}
	})
	t.Run("an old copy", func(t *testing.T) {
		if _, err := segment.Backup(old, backup, segment.CopyOptions{Whole: true}); !errors.Is(err, segment.ErrParted) {
			t.Errorf("%v", err)
		}
	})
	t.Run("an old copy that went on", func(t *testing.T) {
		again, _ := mustOpen(t, old, small)
		appendSome(t, again, r, 200)
		if _, err := segment.Backup(old, backup, segment.CopyOptions{}); !errors.Is(err, segment.ErrParted) {
			t.Errorf("%v", err)
		}
	})
	t.Run("an old copy of the newest file", func(t *testing.T) {
		disk, backup := fs.Memory(), fs.Memory()
		s, _ := mustOpen(t, disk, small)
		appendSome(t, s, r, 5)
		old := disk.Crash(r)
		appendSome(t, s, r, 2)
		backUp(t, disk, backup, segment.CopyOptions{})
		if _, err := segment.Backup(old, backup, segment.CopyOptions{Whole: true}); !errors.Is(err, segment.ErrParted) {
			t.Errorf("%v", err)
		}
		again, _ := mustOpen(t, old, small)
		if _, err := segment.Backup(old, backup, segment.CopyOptions{}); !errors.Is(err, segment.ErrParted) {
			t.Errorf("begun again: %v", err)
		}
		appendSome(t, again, r, 5)
		if _, err := segment.Backup(old, backup, segment.CopyOptions{}); !errors.Is(err, segment.ErrParted) {
			t.Errorf("gone on: %v", err)
		}
	})
	t.Run("damage", func(t *testing.T) {
		spoilt := disk.Crash(r)
		f, err := spoilt.Open(segment.FileName(2))
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt([]byte("spoilt"), 9000)
		var damage *segment.DamageError
		if _, err := segment.Backup(spoilt, fs.Memory(), segment.CopyOptions{}); !errors.As(err, &damage) || damage.File != segment.FileName(2) {
			t.Errorf("%v", err)
		}
	})
	t.Run("no segments", func(t *testing.T) {
		if _, err := segment.Backup(fs.Memory(), fs.Memory(), segment.CopyOptions{}); err == nil {
			t.Error("nothing was backed up")
		}
	})
	t.Run("no space", func(t *testing.T) {
		tight := fs.Memory()
		tight.SetSpace(200 << 10)
		if _, err := segment.Backup(disk, tight, segment.CopyOptions{}); !errors.Is(err, segment.ErrDiskFull) {
			t.Errorf("%v", err)
		}
	})
}

// TestRestore: a restored stream has everything, and another identity. Broken off anywhere, it can't be
// opened.
func TestRestore(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	disk, backup := fs.Memory(), fs.Memory()
	s, _ := mustOpen(t, disk, small)
	appendSome(t, s, r, 200)
	backUp(t, disk, backup, segment.CopyOptions{})
	want := scan(t, s, segment.Position{})
	broken, opens := errors.New("broken off"), 0
	for n, ended := 0, false; !ended; n++ {
		to, left := fs.Memory(), n
		to.SetHook(func(fs.Op) error {
			if left--; left < 0 {
				return broken
			}
			return nil
		})
		copied, err := segment.Restore(backup, to, segment.CopyOptions{})
		ended = err == nil
		to.SetHook(nil)
		names, _ := to.List()
		begun := slices.ContainsFunc(names, func(name string) bool { return strings.HasSuffix(name, ".seg") })
		if begun && !slices.Contains(names, segment.FileName(1)) {
			opens++
			if _, _, err := segment.Open(to, small); err == nil {
				t.Fatalf("broken off at %d of its operations, it can be opened", n)
			}
		}
		if !ended {
			continue
		}
		to = to.Crash(r)
		got, identity := viewed(t, to)
		equal(t, "restored", got, want)
		if identity != copied.Identity || identity.Cluster == s.Identity().Cluster || identity.Node == s.Identity().Node {
			t.Errorf("restored as %v from %v", identity, s.Identity())
		}
		again, _ := mustOpen(t, to, small)
		appendSome(t, again, r, 10)
	}
	if opens == 0 {
		t.Error("it was never broken off with some of its files there")
	}
}

// TestBackupOfLongBatches: what fills up a frame to a multiple of 8 isn't always read with it.
func TestBackupOfLongBatches(t *testing.T) {
	disk, backup := fs.Memory(), fs.Memory()
	s, _ := mustOpen(t, disk, segment.Options{Size: 1 << 20})
	for i := range 40 {
		if _, err := s.Append([]segment.Frame{{Kind: segment.KindContent, Payload: [2][]byte{make([]byte, 300_001+i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	backUp(t, disk, backup, segment.CopyOptions{})
	got, _ := viewed(t, backup)
	equal(t, "the backup", got, scan(t, s, segment.Position{}))
}

// TestBackupOverDamage: whatever happened to a backup, going on with it is refused, or puts it right, or
// leaves damage that is found by who reads it.
func TestBackupOverDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	disk, sound := fs.Memory(), fs.Memory()
	s, _ := mustOpen(t, disk, small)
	appendSome(t, s, r, 60)
	backUp(t, disk, sound, segment.CopyOptions{})
	appendSome(t, s, r, 20)
	want := scan(t, s, segment.Position{})
	names, _ := sound.List()
	refused, found, mended := 0, 0, 0
	for range 400 {
		backup := sound.Crash(r)
		name := names[r.IntN(len(names))]
		file, err := backup.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := file.Size()
		if r.IntN(4) == 0 {
			file.Truncate(r.Int64N(size + 1))
		} else {
			file.WriteAt([]byte{byte(r.Uint32())}, r.Int64N(size))
		}
		if _, err := segment.Backup(disk, backup, segment.CopyOptions{}); err != nil {
			refused++
			continue
		}
		got, err := scanned(backup)
		if err != nil {
			found++
			continue
		}
		mended++
		equal(t, "the backup", got, want)
	}
	t.Logf("%d refused, %d found by reading, %d as they should be", refused, found, mended)
	if refused == 0 || found == 0 || mended == 0 {
		t.Error("the damage is too much alike")
	}
}

// scanned is what viewed shows, or why it can't be.
func scanned(f fs.FS) (lines []string, err error) {
	s, _, err := segment.View(f)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	err = s.Scan(segment.Position{}, func(_ segment.Position, kind segment.Kind, payload []byte) error {
		lines = append(lines, fmt.Sprintf("%d %s", kind, payload))
		return nil
	})
	return lines, err
}
