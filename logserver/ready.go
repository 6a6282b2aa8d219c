package logserver

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// errFull says that appends are refused for want of space.
var errFull = errors.New("the disk is full: appends are refused, reads go on; free some space")

// errRemoved says that this node is nobody's member any more.
var errRemoved = errors.New("this node was removed from its cluster: it has what was decided until then; stop it, or give it an empty BLOBS and start it to join anew")

// Ready returns nil if the server takes appends and reads, else the reason why not. It
// looks at nothing but memory.
func (s *Server) Ready() error {
	switch err := s.log.Err(); {
	case err != nil:
		return fmt.Errorf("the log has failed, and the process is about to exit: %w", err)
	case s.isStopping():
		return errors.New("the server is stopping")
	}
	if lasts := s.log.stall.lasts(); lasts >= s.log.options.DiskWarning {
		return fmt.Errorf("the disk hangs: a write has been under way for %s", lasts.Round(time.Second/10))
	}
	if s.log.space.full.Load() {
		return errFull
	}
	standing, several := s.log.Standing()
	switch {
	case !several || standing.Serving:
		return nil
	case standing.Removed:
		return errRemoved
	}
	return errNoLeader
}

// errNoLeader says that appends wait for a node that leads.
var errNoLeader = errors.New("no node of the cluster leads, as far as is known here: appends wait, reads of history go on; `ringlog cluster status` tells which are up")

// space is what is known of the disk where the segments are.
type space struct {
	free      atomic.Int64 // bytes; -1: can't be told
	size      atomic.Int64 // of the whole file system
	full      atomic.Bool  // an append was refused for it; since, none had space, and none was found
	measuring atomic.Bool
}

// enough is how much free space makes it worth to call the disk no longer full.
const enough = 16 << 20

// measureSpace has the free space looked up, on a goroutine of its own: on a disk that hangs
// it may hang as well. The caller is a worker of the Log.
func (l *Log) measureSpace() {
	if l.space.measuring.Swap(true) {
		return
	}
	l.workers.Go(func() {
		defer l.space.measuring.Store(false)
		free, size := diskSpace(l.options.Blobs)
		l.space.size.Store(size)
		l.space.free.Store(free)
		if free >= enough {
			l.space.full.Store(false)
		}
	})
}
