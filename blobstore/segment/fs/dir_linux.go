package fs

import (
	"errors"
	"syscall"
)

// allocate asks for the blocks themselves, so that a full disk is found before
// anything is written. Signals, which the Go runtime sends itself, interrupt it.
func (f *file) allocate(off, n int64) error {
	for {
		err := syscall.Fallocate(f.fd, 0, off, n)
		switch {
		case err == syscall.EINTR:
		case errors.Is(err, errors.ErrUnsupported) || err == syscall.EOPNOTSUPP:
			return f.allocateByWriting(off, n)
		default:
			return err
		}
	}
}

func (f *file) datasync() error {
	for {
		if err := syscall.Fdatasync(f.fd); err != syscall.EINTR {
			return err
		}
	}
}

// intact reports whether the file still has a name and the length that it must have.
func (f *file) intact() bool {
	var st syscall.Stat_t
	err := syscall.Fstat(f.fd, &st)
	return err == nil && st.Nlink > 0 && st.Size >= f.end.Load()
}
