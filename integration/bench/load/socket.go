//go:build linux

package load

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a server may take for one answer when it is asked outside of a run.
const patience = 30 * time.Second

// Socket is a TCP connection without Go's poller: blocking, until a Loop takes it over.
type Socket struct{ fd int }

// Dial connects to a server of this machine.
func Dial(address netip.AddrPort) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	s := &Socket{fd: fd}
	wait := unix.NsecToTimeval(int64(patience))
	for _, set := range []func() error{
		func() error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) },
		func() error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait) },
		func() error { return unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait) },
		func() error { return connect(fd, address) },
	} {
		if err := set(); err != nil {
			s.Close()
			return nil, fmt.Errorf("connect to %s: %w", address, err)
		}
	}
	return s, nil
}

// connect connects; when a signal interrupts that, it goes on by itself and is waited for.
func connect(fd int, address netip.AddrPort) error {
	err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(address.Port()), Addr: address.Addr().As4()})
	for err == unix.EINTR {
		if _, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(patience.Milliseconds())); err == nil {
			var failed int
			if failed, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && failed != 0 {
				err = unix.Errno(failed)
			}
		}
	}
	return err
}

// Read implements io.Reader.
func (s *Socket) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write implements io.Writer.
func (s *Socket) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		n, err := unix.Write(s.fd, p[written:])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return written, os.NewSyscallError("write", err)
		default:
			written += n
		}
	}
	return written, nil
}

// Close closes the connection.
func (s *Socket) Close() { _ = unix.Close(s.fd) }
