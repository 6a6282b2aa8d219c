//go:build linux

package limits

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// TestUnfitDirectories: directories that no server can work in are refused with code 74 and one line that
// names them.
func TestUnfitDirectories(t *testing.T) {
	for name, mount := range map[string]string{
		"read only": "ro",
		"no inodes": "nr_inodes=1",
		"full":      "size=4k",
	} {
		t.Run(name, func(t *testing.T) {
			at := filepath.Join(t.TempDir(), "disk")
			if err := os.Mkdir(at, 0o700); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("mount", "-t", "tmpfs", "-o", mount, "tmpfs", at).CombinedOutput(); err != nil {
				notProven(t, "mount: %v: %s", err, out)
			}
			defer exec.Command("umount", at).Run()
			s := server.New(t, server.Dir(t), map[string]string{"BLOBS": filepath.Join(at, "blobs")})
			s.Launch()
			if code, said := s.Exit(); code != 74 || strings.Count(said, "\n") > 0 || !strings.Contains(said, at) && !strings.Contains(said, "disk full") {
				t.Errorf("exit code %d: %s", code, said)
			}
		})
	}
}

// TestNotWritable: a directory that belongs to somebody else.
func TestNotWritable(t *testing.T) {
	dir := server.Dir(t)
	blobs := filepath.Join(dir, "blobs")
	for _, err := range []error{os.Mkdir(blobs, 0o700), os.Chmod(dir, 0o755), os.Chmod(blobs, 0o755)} { //nolint:gosec // others may look
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command("setpriv", "--reuid=65534", "--clear-groups", "true").Run(); err != nil {
		notProven(t, "setpriv: %v", err)
	}
	s := server.New(t, dir, nil)
	s.Prefix = []string{"setpriv", "--reuid=65534", "--clear-groups"}
	s.Launch()
	if code, said := s.Exit(); code != 74 || !strings.Contains(said, blobs) {
		t.Errorf("exit code %d: %s", code, said)
	}
}

// TestDirectoryTakenAway: what happens to the files of a running server is noticed by the next append, which
// is not confirmed; the server ends with code 74.
func TestDirectoryTakenAway(t *testing.T) {
	for name, take := range map[string]func(blobs string) error{
		"removed": os.RemoveAll,
		"segment removed": func(blobs string) error {
			return os.Remove(newest(blobs))
		},
		"segment cut": func(blobs string) error {
			return os.Truncate(newest(blobs), 4096)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := server.New(t, server.Dir(t), nil)
			s.Start()
			k := dial(t, s.Addr)
			k.appended(`{"n":1}`)
			if err := take(filepath.Join(s.Dir, "blobs")); err != nil {
				t.Fatal(err)
			}
			if a := k.append(`{"n":2}`); a.Error != "unknown outcome" {
				t.Errorf("%+v", a)
			}
			if code, said := s.Exit(); code != 74 || !strings.Contains(said, "removed or cut") {
				t.Errorf("exit code %d: %s", code, said)
			}
		})
	}
}

// newest is the segment that is appended to.
func newest(blobs string) string {
	names, _ := filepath.Glob(filepath.Join(blobs, "*.seg"))
	return names[len(names)-1]
}
