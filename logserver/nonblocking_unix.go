//go:build unix

package logserver

import (
	"syscall"

	"golang.org/x/sys/unix"
)

func writeFD(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }

// canPoll: pollFD can tell.
const canPoll = true

// pollFD tells whether something can be written, or the connection is gone.
func pollFD(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds, 0)
	return n > 0 || err != nil && err != unix.EINTR
}
