package fs

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
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

// WillRead has the kernel begin to read, in the background.
func (f *file) WillRead(off, n int64) { _ = unix.Fadvise(f.fd, off, n, unix.FADV_WILLNEED) }

func (f *file) datasync() error {
	for {
		if err := syscall.Fdatasync(f.fd); err != syscall.EINTR {
			return err
		}
	}
}

// intact reports whether the file still has a name and the length that it must have.
//
// It asks for these two and for no times: where times are fine-grained (since Linux
// 6.13), a time that was looked at makes the next write give the file a new one, which
// the next flush then waits for. With fstat here an append took 145 µs instead of 97.
func (f *file) intact() bool {
	var st unix.Statx_t
	_, _, err := syscall.Syscall6(unix.SYS_STATX, uintptr(f.fd), uintptr(unsafe.Pointer(&noPath)), // unix.Statx allocates
		unix.AT_EMPTY_PATH, unix.STATX_NLINK|unix.STATX_SIZE, uintptr(unsafe.Pointer(&st)), 0)
	return err == 0 && st.Nlink > 0 && int64(st.Size) >= f.end.Load()
}

// noPath is an empty path as the kernel wants it.
var noPath byte
