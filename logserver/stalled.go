package logserver

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"time"
)

// errSlow says that a client has not taken what a read has for it, for so long that the
// read gives its memory to others.
var errSlow = errors.New("logserver: the client does not take what is sent")

// writeTail sends p, of a live read, after what is ready, and returns how much of p was
// taken. With errSlow that is not all: the caller gives up its memory, calls
// waitForClient, and goes on where it was. Nobody else is writing. behind says that p is the rest of a line, which
// goes before anything else. The caller drives the tail.
func (o *outbox) writeTail(p []byte, behind bool) (n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return 0, errGone
	}
	var first []byte
	if !behind {
		first = o.take()
	}
	if len(first)+len(p) == 0 {
		o.wrote(first, nil)
		return 0, nil
	}
	o.writing, o.sending = true, len(first)+len(p)
	o.mu.Unlock()
	n, err = o.writeBoth(first, p)
	o.mu.Lock()
	if slow := errors.Is(err, errSlow); slow && n < len(first) {
		o.ready = append(slices.Clone(first[n:]), o.ready...)
	}
	n = max(0, n-len(first))
	if behind {
		first = o.spare
	}
	if errors.Is(err, errSlow) {
		o.wrote(first, nil)
		return n, err
	}
	o.wrote(first, err)
	if err != nil {
		return n, errGone
	}
	return n, nil
}

// busy tells whether somebody writes to the socket.
func (o *outbox) busy() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writing
}

// waitForWriter waits until nobody does. While a read is live, nobody but who drives it
// begins to.
func (o *outbox) waitForWriter() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing {
		o.changed.Wait()
	}
}

// writeBoth writes one behind the other, with one system call. Most of the time there
// is only one: then without the deep stack that several buffers take, which an idle tail
// would keep.
func (o *outbox) writeBoth(first, second []byte) (n int, err error) {
	if len(first) > 0 && len(second) > 0 {
		n, err = o.writePatiently(func() (int, error) {
			buffers := net.Buffers{first, second}
			n, err := buffers.WriteTo(o.c.net)
			return int(n), err
		})
		if n > 0 || !errors.Is(err, errSlow) {
			return n, err
		}
		if n, err = o.tryWrite(first); err == nil { // something, however short the patience
			err = errSlow
		}
		return n, err
	}
	if len(first) == 0 {
		first = second
	}
	n, err = o.tryWrite(first)
	if err != nil || n == len(first) {
		return n, err
	}
	if o.writable != nil && o.c.log.history.pressed() {
		return n, errSlow
	}
	m, err := o.writePatiently(func() (int, error) { return o.c.net.Write(first[n:]) })
	return n + m, err
}

// writePatiently writes for as long as Patience lasts, where it can be waited for the
// client afterwards.
func (o *outbox) writePatiently(write func() (int, error)) (n int, err error) {
	if o.writable == nil {
		return write()
	}
	_ = o.c.net.SetWriteDeadline(time.Now().Add(o.c.limits.Patience))
	n, err = write()
	o.c.endPatience()
	if errors.Is(err, os.ErrDeadlineExceeded) && !o.broken() {
		return n, errSlow
	}
	return n, err
}

// endPatience takes back the deadline of writePatiently, unless there is something else to
// hurry for.
func (c *connection) endPatience() {
	_ = c.net.SetWriteDeadline(time.Time{})
	if at := c.stopAt.Load(); at != nil {
		_ = c.net.SetWriteDeadline(*at)
	}
	if c.out.broken() {
		_ = c.net.SetWriteDeadline(alreadyPast)
	}
}

// waitForClient waits until the client takes something again, holding nothing.
func (o *outbox) waitForClient() error {
	if err := o.writable(); err != nil {
		o.abandon()
		return errGone
	}
	return nil
}

// writable returns a function that waits until nc can be written to; nil where that can't
// be waited for.
func writable(nc net.Conn) func() error {
	if s, ok := nc.(*sealed); ok && s.writable != nil {
		return s.waitWritable
	}
	sc, ok := nc.(syscall.Conn)
	if !ok || !canPoll {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	// The first look comes after the runtime has begun to listen, so that nothing is missed.
	return func() error { return raw.Write(pollFD) }
}
