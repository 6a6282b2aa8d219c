package logserver

import (
	"errors"
	"net"
	"syscall"
)

// nonblocking returns a function that writes as much to nc as fits at once,
// and never blocks. Where a connection offers no such thing, it writes nothing.
// The function is for one caller at a time.
func nonblocking(nc net.Conn) func(p []byte) (int, error) {
	if s, ok := nc.(*sealed); ok {
		return s.tryWrite
	}
	none := func([]byte) (int, error) { return 0, nil }
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return none
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return none
	}
	var (
		p      []byte
		n      int
		failed error
	)
	write := func(fd uintptr) bool {
		n, failed = writeFD(fd, p)
		return true // written or not, don't wait until it can be
	}
	return func(q []byte) (int, error) {
		p, n, failed = q, 0, nil
		if err := raw.Write(write); err != nil {
			return 0, err
		}
		p = nil
		if errors.Is(failed, syscall.EAGAIN) || errors.Is(failed, syscall.EINTR) {
			return 0, nil
		}
		return max(n, 0), failed
	}
}
