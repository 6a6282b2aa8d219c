package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// stopped is a Put that says when it begins and ends with its context, or when it is let go.
type stopped struct {
	begun chan struct{}
	letGo chan struct{}
}

func (s stopped) put(ctx context.Context, _ string, _ []byte) error {
	s.begun <- struct{}{}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.letGo:
		return nil
	}
}

func newStopped() stopped {
	return stopped{begun: make(chan struct{}, 1), letGo: make(chan struct{})}
}

// outcomes puts n times in the background, and says how each ended.
func outcomes(t *testing.T, s *PutServer, n int) chan error {
	t.Helper()
	c := mustClient(t, s.Addr().String(), ClientOptions{})
	done := make(chan error, n)
	for i := range n {
		go func() { done <- c.Put(t.Context(), fmt.Sprint(i), []byte("1")) }()
	}
	return done
}

// Puts beyond MaxPuts wait for their turn.
func TestPutsTakeTurns(t *testing.T) {
	var running, puts atomic.Int32
	s := listen(t, func(context.Context, string, []byte) error {
		defer running.Add(-1)
		if n := running.Add(1); n > 1 {
			t.Errorf("%d at once", n)
		}
		puts.Add(1)
		runtime.Gosched()
		return nil
	}, PutOptions{MaxPuts: 1, PutTime: patience})
	done := outcomes(t, s, 20)
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if puts.Load() != 20 {
		t.Errorf("%d puts", puts.Load())
	}
}

// One that has waited for its turn as long as a put may take is told so, and was not put.
func TestTooManyPuts(t *testing.T) {
	begun, letGo := make(chan struct{}), make(chan struct{})
	put := func(context.Context, string, []byte) error {
		close(begun)
		<-letGo
		return nil
	}
	s := listen(t, put, PutOptions{MaxPuts: 1, PutTime: 10 * time.Millisecond})
	done := outcomes(t, s, 1)
	<-begun
	if status, _, body := ask(t, s, request("POST", "/", "", `{"key":"k","event":1}`)); status != 503 {
		t.Errorf("%d %q", status, body)
	}
	close(letGo)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestCloseWaitsForPuts(t *testing.T) {
	held := newStopped()
	s := listen(t, held.put, PutOptions{CloseTime: patience, PutTime: patience})
	done := outcomes(t, s, 1)
	<-held.begun
	closed := make(chan error, 2)
	for range 2 {
		go func() { closed <- s.Close() }()
	}
	// Nobody is let in any more, while that one is under way.
	for refused := false; !refused; {
		c, err := net.Dial("tcp", s.Addr().String())
		if refused = err != nil; !refused {
			c.Close()
		}
	}
	select {
	case err := <-closed:
		t.Fatalf("closed with a put under way: %v", err)
	default:
	}
	close(held.letGo)
	if err := <-done; err != nil {
		t.Errorf("the put under way: %v", err)
	}
	for range 2 {
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
}

func TestCloseBreaksOffPutsThatTakeTooLong(t *testing.T) {
	held := newStopped()
	s := listen(t, held.put, PutOptions{CloseTime: time.Millisecond, PutTime: patience})
	done := outcomes(t, s, 1)
	<-held.begun
	if err := s.Close(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
	if err := <-done; !errors.Is(err, ErrUnknown) {
		t.Errorf("the put: %v", err)
	}
	if err := s.Close(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close again: %v", err)
	}
}

// The server can't see that such a client's connection is closed: something to read is left on it.
func TestCloseBreaksOffAPutWithMoreBehindIt(t *testing.T) {
	held := newStopped()
	s := listen(t, held.put, PutOptions{CloseTime: 20 * time.Millisecond, PutTime: time.Hour})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put := request("POST", "/", "", `{"key":"k","event":1}`)
	_, first := io.WriteString(c, put)
	<-held.begun
	_, second := io.WriteString(c, put)
	if err := errors.Join(first, second); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close: %v", err)
	}
}
