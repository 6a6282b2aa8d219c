package logserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// announcement is a head that has moved, with the lines for those who watch.
type announcement struct {
	topic *hub.Topic
	head  uint64
	block *hub.Block
}

// commit makes the batch durable and ordered, and tells everybody: contents,
// order and the decisions of the batch before in one write and one flush; then
// apply; then the answers, then the heads. The caller is the committer.
func (l *Log) commit(b *batch) {
	began := time.Now()
	switch err := l.reserve(b); {
	case errors.Is(err, segment.ErrDiskFull) || errors.Is(err, index.ErrNoSpace):
		l.metrics.trouble(troubleDiskFull)
		l.refusals.Error(l.options.Logger, err, "the disk is full: appends are refused until there is space")
		l.space.full.Store(true)
		l.refuse(b, protocol.ErrorDiskFull)
		return
	case errors.Is(err, segment.ErrNoFiles):
		l.metrics.trouble(troubleFiles)
		l.refusals.Error(l.options.Logger, err, "no file can be opened: appends are refused until one can; raise the limit of open files, or lower MAX_CONNS")
		l.refuse(b, protocol.ErrorOverloaded)
		return
	}
	if l.space.full.Load() {
		l.space.full.Store(false)
	}
	if err := l.commitDurably(b); err != nil {
		l.fail(err)
		l.refuseAppends(protocol.ErrorUnknownOutcome)
		if len(l.touched) == 0 { // nobody was answered
			l.refuse(b, protocol.ErrorUnknownOutcome)
			return
		}
	}
	l.announce()
	for _, a := range l.touched {
		a.flush()
	}
	clear(l.touched)
	l.touched = l.touched[:0]
	l.metrics.commit.Observe(time.Since(began).Seconds())
	l.between()
}

// refuse tells everybody in the batch the same.
func (l *Log) refuse(b *batch, reason string) {
	for _, w := range b.waiters {
		l.metrics.refuse(reason, w.appends)
		w.appender.fail(w.appends, reason)
		w.appender.flush()
	}
}

const (
	perAppend = 512     // bytes of a proposal's run at most: names of log and producer, key, numbers
	perBatch  = 8 << 10 // of the rest, headers included
)

// reserve makes sure that there is space for the batch, before it is proposed:
// a proposal can't be taken back.
func (l *Log) reserve(b *batch) error {
	if l.index.Pending() > l.options.MaxUnwritten && l.indexFull.Load() {
		l.checkpoint()
		l.writing.Wait()
		if l.indexFull.Load() {
			return index.ErrNoSpace
		}
	}
	l.stall.begin()
	defer l.stall.end()
	content := len(b.content.Manifest()) + b.content.Size()
	decisions := perAppend*b.proposal.Len() + perBatch
	return l.store.Reserve(int64(content+l.core.Unwritten()+decisions), int64(decisions))
}

func (l *Log) commitDurably(b *batch) error {
	if err := l.Err(); err != nil {
		return err
	}
	digest := b.content.Digest()
	if err := l.core.Propose(&b.proposal, digest, l.options.Now().UnixNano()); err != nil {
		return fmt.Errorf("propose: %w", err)
	}
	content := segment.Frame{Kind: segment.KindContent, Payload: [2][]byte{b.content.Manifest(), b.content.Content()}}
	place, err := l.write(&content)
	if err != nil {
		return err
	}
	place.Content = uint32(len(b.content.Manifest()))
	l.committing.digest, l.committing.place = digest, place
	decided := false
	err = l.advance(func(d *order.Decision) {
		if d.Own && d.Kind == order.KindBatch {
			decided = true
			l.metrics.committed(b, d)
			l.answer(b, d)
			l.prepare(&b.content, d)
		}
	})
	if err == nil && !decided {
		err = fmt.Errorf("what was proposed is not decided at raft index %d", l.core.Applied())
	}
	return err
}

// answer tells each waiter of the batch its appends' outcomes.
func (l *Log) answer(b *batch, d *order.Decision) {
	outcomes := d.Outcomes
	done := uint32(0) // appends of outcomes[0] that were told
	for _, w := range b.waiters {
		for left := uint32(w.appends); left > 0; {
			o := outcomes[0]
			o.First += uint64(done) * uint64(o.Entries)
			o.Appends = min(left, o.Appends-done)
			w.appender.resolve(&o)
			left -= o.Appends
			if done += o.Appends; done == outcomes[0].Appends {
				outcomes, done = outcomes[1:], 0
			}
		}
		l.touched = append(l.touched, w.appender)
	}
}

// prepare makes ready what is announced of the decision: the heads that it
// moved, with the lines encoded once for all who watch.
// entries is nil if they are not at hand.
func (l *Log) prepare(content entries, d *order.Decision) {
	for i := range d.Runs {
		run := &d.Runs[i]
		topic := l.topic(run)
		a := announcement{topic: topic, head: run.First + uint64(run.Count) - 1}
		if content != nil && topic.Watched() {
			a.block = encodeBlock(content, run)
		}
		l.heads = append(l.heads, a)
	}
}

// topic returns the topic of a run's log, which the run may have founded.
func (l *Log) topic(run *order.Run) *hub.Topic {
	if t, ok := l.hub.Lookup([]byte(run.Name)); ok {
		return t
	}
	return l.hub.Found(run.Name, run.Log, 0)
}

// entries is the content of a batch.
type entries interface{ Entry(ordinal int) []byte }

func encodeBlock(content entries, run *order.Run) *hub.Block {
	const around = len(`{"index":18446744073709551615,"entry":}`) + 1
	size := 0
	for i := range run.Count {
		size += len(content.Entry(int(run.Ordinal+i))) + around
	}
	block := &hub.Block{First: run.First, Ends: make([]uint32, 0, run.Count), Lines: make([]byte, 0, size)}
	for i := range run.Count {
		text := content.Entry(int(run.Ordinal + i))
		block.Lines = protocol.AppendEntry(block.Lines, run.First+uint64(i), text)
		block.Ends = append(block.Ends, uint32(len(block.Lines)))
	}
	return block
}

func (l *Log) announce() {
	for _, a := range l.heads {
		a.topic.Announce(a.head, a.block)
	}
	clear(l.heads)
	l.heads = l.heads[:0]
}

// advance tells the core that what it gave was flushed, enters what it decides
// into the index, and calls fn with each decision.
func (l *Log) advance(fn func(*order.Decision)) error { return l.apply(false, fn) }

// apply has the core decide, early or not, enters that into the index, and calls fn with each decision.
func (l *Log) apply(early bool, fn func(*order.Decision)) (err error) {
	var failed error
	number := l.store.Durable().Segment
	enter := func(d *order.Decision) {
		if err := l.enterAt(d, number); err != nil {
			failed = errors.Join(failed, err)
			return
		}
		fn(d)
	}
	if early {
		err = l.core.Early(enter)
	} else {
		err = l.core.Advance(enter)
	}
	return errors.Join(err, failed)
}

// enterFrom returns what enters decisions whose records lie in a segment.
func (l *Log) enterFrom(number uint64) func(*order.Decision) error {
	return func(d *order.Decision) error { return l.enterAt(d, number) }
}

// enterAt enters a decision whose record lies, or will lie, in a segment: into the index, and
// into what the newest segment's seal will repeat.
func (l *Log) enterAt(d *order.Decision, number uint64) error {
	place, ok := l.committing.place, true
	if d.Digest != l.committing.digest || place == (blobstore.Place{}) {
		place, ok = l.contents.Find(d.Digest)
	}
	switch {
	case number != l.store.Durable().Segment:
	case ok && place.Segment == number:
		l.core.Filed(place.Offset)
	default:
		l.core.Filed(0)
	}
	return l.enter(d, place, ok)
}

// enter enters the runs of a decision into the index. found tells whether its content
// has been met, at place.
func (l *Log) enter(d *order.Decision, place blobstore.Place, found bool) error {
	l.rows = l.rows[:0]
	if len(d.Runs) > 0 {
		if !found && l.member == nil && !l.lostAt.IsAway() {
			place, found = l.lostAt, true
		}
		if !found && l.member == nil {
			return fmt.Errorf("raft index %d names content %s, which no frame before it holds", d.Index, d.Digest)
		}
		for i := range d.Runs {
			r := &d.Runs[i]
			l.rows = append(l.rows, index.Row{
				Log: r.Log, First: r.First, Count: r.Count, Ordinal: r.Ordinal, Time: d.Time, Place: place,
			})
		}
	}
	l.contents.Decide(d)
	l.metrics.applied.Store(d.Index)
	if len(l.rows) > 0 && !found {
		l.enterAway(d)
		return nil
	}
	l.index.Add(d.Index, l.rows)
	return nil
}

// enterAway enters l.rows of a decision whose content isn't here.
func (l *Log) enterAway(d *order.Decision) {
	l.index.AddAway(d.Index, l.rows, blobstore.Away{Digest: d.Digest, Holders: d.Holders})
	if d.Owned {
		l.member.expect(d.Digest, l.rows)
	}
}
