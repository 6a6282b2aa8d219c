package crash

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/server"
)

// A fault is what is done to a script's n-th call.
type fault struct {
	name    string
	n       int // of the calls that it may befall; 0: none
	verdict verdict
	befalls func(call) bool
}

// A script is a server's life in small segments: it is founded, fills some files, is stopped, goes on,
// is killed, recovers, goes on, is stopped. Appends go one after the other, so that what may be
// answered when a call fails is known exactly.
type script struct {
	*run
	fault fault
	watch *watch
	lives uint32 // begun
	next  uint32 // append

	// Owned by the watch's goroutine while a server runs.
	calls   int // so far that the fault may befall
	struck  *call
	answers int // confirmations that were about to be sent after the fault
}

const (
	entriesEach = 25 // of an append, so that a few fill a file
	appendsEach = 12 // between start and end of a process: about twice a file
)

// play runs the script and checks what it left.
func (s *script) play() error {
	s.watch = &watch{dir: s.server.Dir, handle: s.handle}
	s.ledger.Client(1, true)
	s.next = 1
	for _, end := range []func() error{s.server.TryStop, s.kill, s.server.TryStop} {
		if err := s.life(end); err != nil {
			return err
		}
	}
	s.server.Wrap = nil
	if err := s.server.TryStart(); err != nil {
		return err
	}
	if err := s.whole(); err != nil {
		return err
	}
	s.server.Run("verify")
	return s.server.TryStop()
}

// life is a process from its start to its end, or to the fault and what follows.
func (s *script) life(end func() error) error {
	s.lives++
	s.server.Wrap = nil
	watched := s.struck == nil
	if watched {
		s.server.Wrap = s.watch.wrap
	}
	err := s.server.TryStart()
	if err == nil {
		err = s.appends()
	}
	if err == nil {
		err = end()
	}
	var died *server.Exit
	if err != nil && !errors.As(err, &died) {
		return err
	}
	if watched { // the process has ended
		if err := s.watch.wait(); err != nil {
			return err
		}
	}
	if died == nil {
		return s.wentOnRightly()
	}
	if err := s.diedRightly(died); err != nil {
		return err
	}
	return s.again(end)
}

// again is the rest of a life that ended with the fault.
func (s *script) again(end func() error) error {
	s.server.Wrap = nil
	s.fault.n = 0
	if err := s.server.TryStart(); err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	if err := s.appends(); err != nil {
		return fmt.Errorf("after the fault: %w", err)
	}
	return end()
}

// appends appends a life's share. The error is an *Exit when the server ended meanwhile.
func (s *script) appends() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), server.Patience/4)
	defer cancel()
	conn, err := load.At(s.server.Addr).Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for line, err := range s.answered(conn, s.lives*appendsEach) {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: append %d is not answered; the fault: %+v", server.ErrHangs, s.next, s.struck)
		}
		if err != nil {
			// The connection broke: the server has ended, or will when we hang up, too.
			conn.Close()
			if err := s.server.Wait(); err != nil {
				return err
			}
			return fmt.Errorf("the server ended in order, with append %d unanswered", s.next)
		}
		if err := s.answer(line); err != nil {
			return err
		}
	}
	return nil
}

// answered sends appends up to the last, each when the one before is answered, and yields the answers.
func (s *script) answered(conn net.Conn, last uint32) func(yield func([]byte, error) bool) {
	return func(yield func([]byte, error) bool) {
		if s.next > last || !s.send(conn) && !yield(nil, net.ErrClosed) {
			return
		}
		for line, err := range load.Lines(conn) {
			if !yield(line, err) || err != nil || s.next > last {
				return
			}
			if !s.send(conn) {
				yield(nil, net.ErrClosed)
				return
			}
		}
	}
}

// op is the i-th entry of an append.
func op(n uint32, i int) ledger.Op { return ledger.Op{Client: 1, N: (n-1)*entriesEach + uint32(i) + 1} }

func (s *script) send(conn net.Conn) bool {
	message := fmt.Appendf(nil, `{"id":"%d","producer":"script","seq":%d,"entries":[`, s.next, s.next)
	for i := range entriesEach {
		if i > 0 {
			message = append(message, ',')
		}
		s.ledger.Sent(op(s.next, i))
		message = ledger.AppendEntry(message, s.ledger.Seed, op(s.next, i))
	}
	_, err := conn.Write(append(message, "]}\n"...))
	return err == nil
}

// answer takes the answer to the next append. When it was refused for want of space it stays the next.
func (s *script) answer(line []byte) error {
	a, err := load.Parse(line)
	switch {
	case err != nil || a.ID != fmt.Sprint(s.next):
		return fmt.Errorf("unexpected line %.200q", line)
	case a.Error == "disk full" && s.fault.verdict.errno == unix.ENOSPC, a.Error == "unknown outcome", a.Error == "shutting down":
		return nil // it is sent again, here or after the restart
	case a.Error != "":
		return fmt.Errorf("append %d: %s", s.next, a.Error)
	}
	for i := range entriesEach {
		s.ledger.Confirmed(op(s.next, i), a.Index+uint64(i))
	}
	s.next++
	return nil
}

// handle sees each call; the watch's goroutine calls it.
func (s *script) handle(c call) verdict {
	if c.file == "socket" {
		if s.struck != nil && s.struck.fatal(s.fault.verdict.errno) && strings.Contains(string(c.data()), `"index":`) {
			s.answers++
		}
		return verdict{}
	}
	if s.struck != nil || !s.fault.befalls(c) {
		return verdict{}
	}
	if s.calls++; s.calls != s.fault.n {
		return verdict{}
	}
	s.struck = &c
	return s.fault.verdict
}

// fatal says whether a server may not go on when this call fails.
func (c *call) fatal(errno unix.Errno) bool {
	switch {
	case errno == 0, c.file == "LOCK", c.file == "index", c.file == "table":
		return false
	case c.name == "unlinkat":
		return false // of what is left over; nothing depends on it
	case c.name == "openat" && !c.makes:
		return false // to be read: a start reads it again, a reader is told
	case errno == unix.ENOSPC:
		return c.name != "fallocate" && c.name != "openat"
	}
	return true
}

// diedRightly is nil if the fault was one to die of, in the way it should be died of.
func (s *script) diedRightly(died *server.Exit) error {
	switch {
	case s.struck == nil:
		return fmt.Errorf("without a fault, %w", died)
	case s.fault.verdict.kill && died.Code == -1:
		return nil
	case s.fault.verdict.errno != 0 && died.Code == 74 && s.answers == 0:
		return nil
	}
	return fmt.Errorf("%v of %s, %d answers were sent, then %w", s.struck.name, s.struck.file, s.answers, died)
}

// wentOnRightly is nil if there was no fault, or one that a server lives through.
func (s *script) wentOnRightly() error {
	if s.struck != nil && s.fault.n != 0 && (s.fault.verdict.kill || s.struck.fatal(s.fault.verdict.errno)) {
		return fmt.Errorf("%s of %s: the server goes on", s.struck.name, s.struck.file)
	}
	return nil
}
