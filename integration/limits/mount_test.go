//go:build linux

package limits

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// smallDisk mounts an ext4 file system of so many MiB, and returns its directory.
func smallDisk(t *testing.T, mebibytes int64) string {
	t.Helper()
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "disk")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, mebibytes<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", image},
		{"mount", "-o", "loop", image, at},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			notProven(t, "%v: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return at
}

// takeAll fills what is left of a disk. It returns what gives it back.
func takeAll(t *testing.T, disk string) (giveBack func()) {
	t.Helper()
	name := filepath.Join(disk, "ballast")
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 1 << 20; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	_ = file.Sync() // blocks are taken when they are written
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}
