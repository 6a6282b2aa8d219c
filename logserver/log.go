package logserver

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// ErrClosed says that the Log was closed in order.
var ErrClosed = errors.New("logserver: log closed")

// Log is an append-only log server's data: segments, order, index. Servers
// serve it. It is made by Open and ends with Close.
type Log struct {
	options  Options
	founding order.Placement // of Options.Settings
	hub      *hub.Hub
	usher    *usher
	gatherer *gatherer
	refusals refusals
	rooms    sync.Pool // of *room, for cursors
	desks    sync.Pool // of *desk, for connections
	stall    stall
	space    space
	metrics  *metrics
	memory   budget
	history  *allowance
	scrubbed scrubbed
	damages  damages
	sizes    sizes
	files    fs.FS
	index    *index.Index   // its methods may be called from any goroutine
	store    *segment.Store // reads may; the rest is the committer's

	// Owned by the committer: whoever set gatherer.busy.
	core     *order.Core
	member   *member // nil: this Log is the only node
	frames   []segment.Frame
	rows     []index.Row
	heads    []announcement
	touched  []appender // have something to flush
	contents order.Undecided[blobstore.Place]

	// The batch that this Log, as the only node, commits: it is decided at once, so it needn't be
	// found by its digest.
	committing struct {
		digest blobstore.Digest
		place  blobstore.Place
	}

	lostAt    blobstore.Place // where content was that a repair has marked as lost, if any was met
	witness   witness
	headless  bool      // the segment was begun by this start and has no checkpoint yet
	lastWrite time.Time // when the index was last written behind

	more    chan struct{} // a batch has gathered behind a commit; its sender leaves busy set
	dirty   chan struct{} // something is to be done when idle; sent by whoever sets armed
	armed   atomic.Bool
	commits atomic.Uint64
	ended   chan struct{} // a segment has ended: its table of digests can be made
	closing chan struct{} // closed by Close
	workers sync.WaitGroup

	writing       sync.WaitGroup // the transaction that writes the index behind
	writingBehind atomic.Bool
	indexFull     atomic.Bool                      // the disk was full for the index
	saved         atomic.Pointer[order.Checkpoint] // written, and the core not yet told

	closeOnce sync.Once
	closeErr  error

	failOnce sync.Once
	failed   chan struct{} // closed when err is set
	err      error
}

// Failed is closed when the log can't go on: a write or a flush failed, or the
// order is in doubt. Nothing is confirmed afterwards. The process should exit
// and recover at its next start; Err says why.
func (l *Log) Failed() <-chan struct{} { return l.failed }

// Err returns what made the log fail, or nil.
func (l *Log) Err() error {
	select {
	case <-l.failed:
		return l.err
	default:
		return nil
	}
}

// fail stops the log for good.
func (l *Log) fail(err error) {
	l.failOnce.Do(func() {
		l.err = err
		close(l.failed)
	})
}

// refuseAppends makes every append that is not in a batch yet fail with reason.
func (l *Log) refuseAppends(reason string) {
	g := l.gatherer
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == "" {
		g.closed = reason
	}
	g.room.Broadcast()
}

// Close ends the log in order: appends that were taken are committed, later
// ones refused "shutting down", decisions and MARK flushed, the index written.
// It is idempotent, and returns after the last goroutine has ended, with the
// error that made the log fail, if one did. Servers are shut down first.
func (l *Log) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.end() })
	return l.closeErr
}

func (l *Log) end() error {
	l.refuseAppends(protocol.ErrorShuttingDown)
	if l.member == nil {
		l.occupy()
	}
	close(l.closing)
	if l.member != nil {
		l.member.fetcher.close()
		<-l.member.ended
	}
	l.usher.end()
	l.workers.Wait()
	if l.Err() == nil {
		if err := l.settle(); err != nil {
			l.fail(err)
		}
	}
	l.writing.Wait()
	if l.Err() == nil {
		l.writeIndex()
		l.writing.Wait()
	}
	return errors.Join(l.Err(), l.closeFiles())
}

func (l *Log) closeFiles() error {
	return errors.Join(l.store.Close(), l.index.Close(), l.files.Close())
}

// occupy becomes the committer for good.
func (l *Log) occupy() {
	g := l.gatherer
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.busy {
		g.room.Wait()
	}
	g.busy, g.ended = true, true
	g.room.Broadcast()
}
