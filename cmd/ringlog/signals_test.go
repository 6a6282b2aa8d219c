package main

import (
	"syscall"
	"testing"
	"time"
)

// timeout(1) signals its child, and then the child's group: an ordered stop became one at once.
func TestTwoSignalsAtOnceAreOneWish(t *testing.T) {
	s := newSignals()
	now, code := time.Now(), -1
	s.now = func() time.Time { return now }
	s.exit = func(c int) { code = c }
	go s.run()
	s.caught <- syscall.SIGTERM
	<-s.stopping
	s.caught <- syscall.SIGINT
	s.caught <- syscall.SIGHUP
	s.stop()
	if code != -1 {
		t.Errorf("exit code %d", code)
	}
}

func TestASecondSignalIsAnotherWish(t *testing.T) {
	s := newSignals()
	now, code := time.Now(), -1
	s.now = func() time.Time {
		now = now.Add(sameWish + 1)
		return now
	}
	s.exit = func(c int) { code = c }
	go s.run()
	s.caught <- syscall.SIGTERM
	s.caught <- syscall.SIGTERM
	s.stop()
	if code != exitFailure {
		t.Errorf("exit code %d", code)
	}
}
