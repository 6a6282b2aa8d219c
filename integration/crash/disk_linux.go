package crash

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A disk is an ext4 in a file, mounted through a loop device.
type disk struct {
	image, path string
	options     string // of the mount
}

// canMount says why this machine can't make disks; nil if it can.
func canMount() error {
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		return errors.New("mounting a loop device needs Linux and root")
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "ringlog-mount-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d, err := newDisk(dir, 8<<20, "")
	if err != nil {
		return err
	}
	return d.unmount()
}

// newDisk makes a disk of so many bytes in dir and mounts it.
func newDisk(dir string, size int64, options string) (*disk, error) {
	d := &disk{filepath.Join(dir, "disk.img"), filepath.Join(dir, "disk"), options}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(d.image, size); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return nil, err
	}
	if err := command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", d.image); err != nil {
		return nil, err
	}
	return d, d.mount()
}

func (d *disk) mount() error {
	options := "loop"
	if d.options != "" {
		options += "," + d.options
	}
	return command("mount", "-t", "ext4", "-o", options, d.image, d.path)
}

func (d *disk) unmount() error { return command("umount", d.path) }

// env is what a server needs to have all of its data on the disk.
func (d *disk) env() map[string]string {
	return map[string]string{"BLOBS": filepath.Join(d.path, "blobs"), "DB": filepath.Join(d.path, "db")}
}

const (
	shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
	noLogFlush = 2          // what the journal has not written is lost too
)

// cut is a power cut: from here on nothing reaches the disk. Who has files open must be ended before
// the disk can be mounted again.
func (d *disk) cut() error {
	dir, err := os.Open(d.path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, noLogFlush); err != nil {
		return fmt.Errorf("EXT4_IOC_SHUTDOWN: %w", err)
	}
	return nil
}

// remount mounts the disk as it is found after a cut.
func (d *disk) remount() error {
	if err := d.unmount(); err != nil {
		return err
	}
	return d.mount()
}

// onDisk makes a run whose data lies on a disk of its own. The image is kept with the run's data.
func onDisk(t *testing.T, seed uint64, size int64, options string, env map[string]string) (*run, *disk) {
	t.Helper()
	r := newRun(t, seed, nil)
	d, err := newDisk(r.server.Dir, size, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.server.End()
		if mounted(d.path) {
			_ = command("umount", "--lazy", d.path) // a failed test may have files open
		}
	})
	r.server.Configure(d.env())
	r.server.Configure(env)
	return r, d
}

// mounted tells a mount point from the directory under it.
func mounted(path string) bool {
	var here, above syscall.Stat_t
	return syscall.Stat(path, &here) == nil && syscall.Stat(filepath.Dir(path), &above) == nil && here.Dev != above.Dev
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %v: %w: %s", name, args, err, out)
	}
	return nil
}
