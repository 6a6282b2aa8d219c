package order

import (
	"crypto/sha256"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

// apply decides about a committed entry, keeps the record to be written, and shows
// the decision to fn.
func (c *Core) apply(e *pb.Entry, fn func(*Decision)) error {
	if e.GetIndex() <= c.state.applied { // its decision was pulled
		return c.tellRaft(e)
	}
	rec := &c.record
	rec.reset(e.GetIndex(), e.GetTerm())
	switch {
	case e.GetType() == pb.EntryConfChangeV2:
		if err := c.applyMembers(rec, e); err != nil {
			return fmt.Errorf("raft entry %d: %w", rec.index, err)
		}
	case e.GetType() != pb.EntryNormal:
		return unknown("type of Raft entry", uint64(e.GetType()))
	case len(e.GetData()) > 0:
		if err := c.envelope.decode(e.GetData()); err != nil {
			return fmt.Errorf("raft entry %d: %w", rec.index, err)
		}
		if err := c.decide(rec, &c.envelope); err != nil {
			return fmt.Errorf("raft entry %d: %w", rec.index, err)
		}
	}
	c.before = c.state.chain
	if err := c.state.installEnd(rec, c.keep(rec)); err != nil {
		return err
	}
	if err := c.follow(rec, e); err != nil {
		return err
	}
	if fn != nil {
		fn(c.show(rec))
	}
	return nil
}

// follow does what follows from a decision outside of the state.
func (c *Core) follow(rec *record, e *pb.Entry) error {
	switch rec.kind {
	case KindBatch, KindIncarnation:
		return c.resolved(rec)
	case KindMember, KindSettings:
		return c.tellRaft(e)
	}
	return nil
}

// keep encodes rec behind the records that are to be written, and returns the chain
// with it.
func (c *Core) keep(rec *record) blobstore.Digest {
	b := append(c.scratch[:0], c.state.chain[:]...)
	b = rec.append(b)
	c.scratch = b
	chain := blobstore.Digest(sha256.Sum256(b))
	data := b[len(chain):]
	if len(c.decided) == 0 {
		c.decided = append(c.decided, decidedVersion)
	}
	c.decided = appendUvarints(c.decided, uint64(len(data)))
	c.decided = append(append(c.decided, data...), chain[:]...)
	return chain
}

// decide fills in rec. What it decides about appends is installed on the way, since
// the appends behind depend on it.
func (c *Core) decide(rec *record, e *envelope) error {
	rec.kind = e.kind
	holders := append(rec.holders[:0], e.holders...)
	rec.header = e.header
	rec.holders = holders
	now := c.state.stand(e.node)
	switch e.kind {
	case KindBatch:
		rec.digest, rec.entries = e.digest, e.entries
		rec.time = max(e.stamp, c.state.time)
		inTurn := now.incarnation > 0 && e.incarnation == now.incarnation && e.seq == now.seq+1
		if rec.skipped = !inTurn; inTurn {
			return c.decideBatch(rec, &e.batch)
		}
	case KindSettings:
		if rec.skipped = e.configuration != c.state.settings.Configuration; !rec.skipped {
			voters := append(rec.settings.Voters[:0], e.settings.Voters...)
			rec.settings = e.settings
			rec.settings.Voters = voters
			rec.settings.Configuration = e.configuration + 1
			if err := rec.settings.known(); err != nil {
				return err
			}
			rec.skipped = rec.settings.follows(&c.state.settings) != nil
		}
	case KindIncarnation:
		if rec.skipped = e.incarnation <= now.incarnation; !rec.skipped {
			rec.fact = e.fact
		}
	}
	return nil
}

func (c *Core) decideBatch(rec *record, b *batch) error {
	rec.producers = append(rec.producers[:0], b.producers...)
	for i := range b.logs {
		ref := &b.logs[i]
		if ref.number == 0 {
			ref.number = c.state.byName[string(ref.name)]
		} else if int64(ref.number) > int64(len(c.state.logs)) {
			return fmt.Errorf("%w: log %d", errInstall, ref.number)
		}
	}
	for i := range b.runs {
		if err := c.decideRun(rec, b, b.runs[i]); err != nil {
			return err
		}
	}
	return nil
}

// emit notes what was decided about the next appends, and installs it.
func (c *Core) emit(rec *record, it item) error {
	rec.items = append(rec.items, it)
	return c.state.installItem(rec, &rec.items[len(rec.items)-1])
}

// decideRun checks in the order of the protocol: producer and seq, key, after, number
// of logs.
func (c *Core) decideRun(rec *record, b *batch, u run) error {
	if u.numbered {
		if err := c.decideNumbers(rec, b.producers[u.producer], &u); err != nil || u.appends == 0 {
			return err
		}
	}
	it := item{own: u.entries, numbered: u.numbered, producer: u.producer, seq: u.seq}
	it.Appends, it.Entries = u.appends, u.entries
	if u.keyed {
		if row, ok := c.state.keys.find(u.key); ok {
			c.decideKey(&it, &u, row, b.logs[u.log].number)
			return c.emit(rec, it)
		}
	}
	ref := &b.logs[u.log]
	head := c.state.head(ref.number)
	switch {
	case u.hasAfter && u.after != head:
		it.Status, it.N = HeadIs, head
		return c.emit(rec, it)
	case ref.number == 0 && len(c.state.logs) >= c.state.settings.Limits.Logs:
		it.Status = TooManyLogs
		return c.emit(rec, it)
	case ref.number == 0:
		ref.number = uint32(len(c.state.logs)) + 1
		if err := c.state.installLog(*ref); err != nil {
			return err
		}
		rec.newLogs = append(rec.newLogs, *ref)
	}
	it.Status, it.Log, it.First = Appended, ref.number, head+1
	it.keyed, it.key, it.digest = u.keyed, u.key, u.digest
	return c.emit(rec, it)
}

func (c *Core) decideKey(it *item, u *run, row keyRow, log uint32) {
	if row.digest != u.digest {
		it.Status, it.N = KeyUsed, row.index
		return
	}
	it.Status, it.Duplicate, it.Log, it.First = Appended, true, log, row.index
}

// decideNumbers decides about those of the run's appends whose number isn't the next
// one of their producer, and takes them off the run.
func (c *Core) decideNumbers(rec *record, name []byte, u *run) error {
	p, last := c.state.producers.find(name), uint64(0)
	if p != nil {
		last = p.last
	}
	if u.seq > last+1 {
		it := item{own: u.entries, Outcome: Outcome{Appends: u.appends, Entries: u.entries, Status: SeqGap, N: last}}
		u.appends = 0
		return c.emit(rec, it)
	}
	for u.appends > 0 && u.seq <= last {
		it := c.duplicate(p, u)
		if err := c.emit(rec, it); err != nil {
			return err
		}
		u.appends -= it.Appends
		u.seq += uint64(it.Appends)
	}
	return nil
}

// duplicate returns the first outcome of as many of the run's first appends, decided
// before, as have the same.
func (c *Core) duplicate(p *producer, u *run) item {
	first, n := c.state.outcomes.find(p, u.seq)
	it := item{own: u.entries, Outcome: Outcome{Appends: uint32(min(n, uint64(u.appends))), Duplicate: true}}
	if first == nil {
		it.Forgotten = true
		return it
	}
	it.Status, it.Entries = first.status, first.entries
	value := first.valueAt(u.seq - first.seq)
	if it.Status == Appended {
		it.Log, it.First = first.log, value
	} else {
		it.N = value
	}
	return it
}
