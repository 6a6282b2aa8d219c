//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// openFiles is how many files the process may have open, if that is limited.
func openFiles() (files uint64, limited bool) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return uint64(limit.Cur), true //nolint:unconvert // signed on some systems
}

// whenGone calls fn when file is a pipe or socket that nobody reads any more, so that a tail that
// waits for entries does not outlive its reader.
func whenGone(file *os.File, fn func()) {
	go func() {
		for {
			watched := []unix.PollFd{{Fd: int32(file.Fd())}}
			_, err := unix.Poll(watched, -1)
			if err == unix.EINTR {
				continue
			}
			if err == nil && watched[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				fn()
			}
			return
		}
	}()
}
