package index

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// allocate gets room for n bytes from offset on, and makes the file so long.
func allocate(f *os.File, offset, n int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, offset, n)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil // bbolt grows the file as it writes
	}
	if err != nil {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return f.Sync()
}
