package logserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// between does what is due between two commits: it writes the index behind,
// and holds appends up while too much of it is unwritten. The caller is the
// committer.
func (l *Log) between() {
	l.commits.Add(1)
	if !l.armed.Swap(true) {
		l.dirty <- struct{}{} // capacity 1, and nobody else sends until it was taken
	}
	if err := l.index.Err(); err != nil {
		l.fail(err) // a start makes it anew
		return
	}
	pending := l.index.Pending()
	if pending > l.options.MaxUnwritten {
		l.writing.Wait()
	}
	if pending > l.options.MaxUnwritten/4 || time.Since(l.lastWrite) > l.options.IndexEvery {
		l.checkpoint()
	}
}

// checkpoint flushes what was decided and begins to write the index behind,
// unless that is still under way. The caller is the committer.
func (l *Log) checkpoint() {
	if !l.writingBehind.CompareAndSwap(false, true) {
		return
	}
	if err := l.settle(); err != nil {
		l.fail(err)
		l.writingBehind.Store(false)
		return
	}
	l.writeIndex()
}

// writeIndex begins a transaction with all that is settled. The caller is the
// committer and has set writingBehind.
func (l *Log) writeIndex() {
	l.lastWrite = time.Now()
	if cp := l.saved.Swap(nil); cp != nil {
		l.core.Saved(cp)
	}
	cp, ok := l.core.Checkpoint()
	if !ok {
		l.writingBehind.Store(false)
		return
	}
	if err := l.store.FlushMark(); err != nil { // a start finds the witness where it is now
		l.fail(fmt.Errorf("mark: %w", err))
		l.writingBehind.Store(false)
		return
	}
	l.flushIndex(cp)
}

// flushIndex begins a transaction with a checkpoint. The caller has set writingBehind.
func (l *Log) flushIndex(cp order.Checkpoint) {
	// Not from where the segments end now: recovery may make another file of the newest one, in
	// which something else ends there. That the witness is the same, a start finds out.
	at := l.witness.place
	checkpoint := index.Checkpoint{
		Applied: cp.Applied, Term: cp.Term, State: append(l.appendLeftover(l.witness.append(nil), cp.Ordered), cp.State...),
		Windows: []index.Window{window("keys", cp.Keys), window("outcomes", cp.Outcomes)},
	}
	checkpoint.Replay.Segment, checkpoint.Replay.Offset = at.Segment, at.Offset
	identity := l.store.Identity()
	checkpoint.Cluster, checkpoint.Node = identity.Cluster, identity.Node
	l.writing.Go(func() {
		defer l.writingBehind.Store(false)
		switch err := l.index.Flush(checkpoint); {
		case err == nil:
			l.indexFull.Store(false)
			cp.State, cp.Keys, cp.Outcomes = nil, order.Window{}, order.Window{} // only how far it reaches matters now
			l.saved.Store(&cp)
		case errors.Is(err, index.ErrNoSpace):
			l.indexFull.Store(true)
			l.metrics.trouble(troubleIndex)
			l.refusals.Error(l.options.Logger, err, "the index can't be written for now; it is kept in memory")
		default:
			l.fail(err) // a start makes it anew
		}
	})
}

func window(name string, w order.Window) index.Window {
	rows := make([]index.WindowRow, len(w.Rows))
	for i, r := range w.Rows {
		rows[i] = index.WindowRow{N: r.N, Value: r.Value}
	}
	return index.Window{Name: name, First: w.First, Rows: rows}
}

// work is the goroutine of the Log that commits what has gathered behind a
// commit, and does the rest when nothing goes on.
func (l *Log) work() {
	idle := time.NewTimer(time.Hour)
	defer idle.Stop()
	seen := uint64(0)
	for {
		select {
		case <-l.more:
			l.commitGathered()
		case <-l.dirty:
			idle.Reset(l.options.IdleAfter)
		case <-idle.C:
			if commits := l.commits.Load(); commits != seen {
				seen = commits
				idle.Reset(l.options.IdleAfter)
				continue
			}
			if l.idle(); l.index.Pending() > 0 && l.Err() == nil {
				idle.Reset(l.options.IndexEvery)
				continue
			}
			l.armed.Store(false)
			if l.commits.Load() != seen && !l.armed.Swap(true) {
				idle.Reset(l.options.IdleAfter)
			}
		case <-l.closing:
			return
		}
	}
}

// commitGathered commits batch after batch until nothing has gathered. Its
// caller was left the committer.
func (l *Log) commitGathered() {
	g := l.gatherer
	g.mu.Lock()
	defer g.mu.Unlock()
	for !g.open.empty() {
		b := g.take()
		g.mu.Unlock()
		l.commit(b)
		g.mu.Lock()
		l.committed(b)
	}
	g.busy = false
	g.room.Broadcast()
}

// idle flushes decisions and MARK, unless something is going on.
func (l *Log) idle() {
	g := l.gatherer
	g.mu.Lock()
	if g.busy {
		g.mu.Unlock()
		return
	}
	g.busy = true
	g.mu.Unlock()
	if l.Err() == nil {
		if err := l.rest(); err != nil {
			l.fail(err)
		}
	}
	l.commitGathered()
}

func (l *Log) rest() error {
	if err := l.settle(); err != nil {
		return err
	}
	l.stall.begin()
	defer l.stall.end()
	if err := l.store.Idle(); err != nil {
		return fmt.Errorf("idle: %w", err)
	}
	if l.index.Pending() > 0 && time.Since(l.lastWrite) > l.options.IndexEvery {
		l.checkpoint()
	}
	return nil
}
