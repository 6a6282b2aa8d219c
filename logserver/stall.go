package logserver

import (
	"errors"
	"sync/atomic"
	"time"
)

// errStalled says that the disk takes too long. What is under way can't be taken
// back, nor waited for: the process should exit.
var errStalled = errors.New("the disk has not finished a write within DISK_TIMEOUT")

// stall notices a disk that hangs.
type stall struct {
	born  time.Time
	began atomic.Int64 // since born, when the disk was given something to do; 0: it has nothing
}

// begin says that the disk is given something to do; end, that it has done it.
func (s *stall) begin() { s.began.Store(int64(max(1, time.Since(s.born)))) }
func (s *stall) end()   { s.began.Store(0) }

// lasts returns for how long the disk has been busy with one thing.
func (s *stall) lasts() time.Duration {
	began := s.began.Load()
	if began == 0 {
		return 0
	}
	return time.Since(s.born) - time.Duration(began)
}

// watchDisk is the goroutine of the Log that warns of a disk that takes long, and
// fails the log when it takes too long.
func (l *Log) watchDisk() {
	warnAfter := min(l.options.DiskWarning, l.options.DiskTimeout)
	tick := time.NewTicker(max(warnAfter/2, time.Millisecond))
	defer tick.Stop()
	warned := false
	for {
		select {
		case <-tick.C:
		case <-l.closing:
			return
		}
		l.measureSpace()
		lasts := l.stall.lasts()
		if slow := lasts >= warnAfter; slow != warned {
			warned = slow
			if slow {
				l.metrics.trouble(troubleSlowDisk)
				l.options.Logger.Warn().Dur("for", lasts).Msg("the disk is slow: a write is under way for long")
			} else {
				l.options.Logger.Info().Msg("the disk has finished its write")
			}
		}
		if lasts >= l.options.DiskTimeout {
			l.fail(errStalled)
			return
		}
	}
}
