//go:build !unix

package logserver

import "syscall"

// writeFD leaves the writing to a goroutine that may block.
func writeFD(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }

const canPoll = false

func pollFD(uintptr) bool { return true }
