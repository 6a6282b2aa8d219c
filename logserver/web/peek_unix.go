//go:build unix

package web

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

const canPeek = true

// peek waits until the first bytes of conn tell, and reports whether they say yes. They
// stay unread. Its end, an error or a deadline that passes say no.
func peek(conn net.Conn, tell func(first []byte) verdict) bool {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	told, first := unsure, make([]byte, longestHealthRequest)
	err = raw.Read(func(fd uintptr) (done bool) {
		n, _, err := unix.Recvfrom(int(fd), first, unix.MSG_PEEK)
		for err == unix.EINTR {
			n, _, err = unix.Recvfrom(int(fd), first, unix.MSG_PEEK)
		}
		switch {
		case err == unix.EAGAIN:
			return false
		case err != nil || n == 0:
			told = no
		default:
			told = tell(first[:n])
		}
		return told != unsure
	})
	return err == nil && told == yes
}
