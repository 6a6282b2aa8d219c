package order

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// What is replayed behind lost frames. Order is known three times over: from the order
// frames, from the decided ones, and from the seal of the file; and a checkpoint says what
// all before it came to. So that a frame is missing seldom means that something is not
// known. A record that is missing is decided again if its entry is there; an entry is not
// needed once it is decided; a seal has every record of its file; and what is missing even
// so ends at the next checkpoint: what it knows more is lost, entry by entry, and the
// indices are not given again.

// A Range is entries of a log that are lost, contents, times and all.
type Range struct {
	Log         uint32
	Name        string
	First, Last uint64
}

// ErrOrderLost says that it is not known what was ordered: nothing that is left says how
// far the logs had come.
var ErrOrderLost = errors.New("what was ordered is lost, and nothing that is left tells how far the logs had come; " +
	"put back a good copy of the files that are damaged")

// errVoteLost says that it is not known for whom this node has voted last.
var errVoteLost = errors.New("the newest of Raft's state frames is lost")

// loss is what is known of frames that are lost, until Start.
type loss struct {
	any    bool   // something is
	open   bool   // entries behind the last one that is known may be
	missed uint64 // highest Raft index of a record that did not follow
	// Among several nodes a record says nothing about what was ordered behind its entry:
	doubt bool   // an order frame is, and what it was may be not decided yet
	since uint64 // lowest Raft index that was ordered behind it; 0: none was
	voted bool   // the newest state frame is
}

// goesOn notes that an order frame follows.
func (l *loss) goesOn(index uint64) {
	l.open = false
	if l.doubt && (l.since == 0 || index < l.since) {
		l.since = index
	}
}

// ReplayLost takes note, in place of a frame, that it is lost. ordered: it was an order
// frame, or it is not known what it was; likewise voted: a state frame.
func (c *Core) ReplayLost(ordered, voted bool) error {
	if err := c.loaded(); err != nil {
		return err
	}
	l := &c.restore.loss
	l.any, l.voted = true, l.voted || voted
	if ordered {
		l.open, l.doubt, l.since = true, true, 0
	}
	return nil
}

// catchUp decides, behind a loss, the entries that are there up to a Raft index, whose
// records are not.
func (c *Core) catchUp(index uint64, fn func(*Decision) error) error {
	s := &c.restore
	for s.loss.any && c.state.applied < index && len(s.entries) > 0 && s.entries[0].GetIndex() == c.state.applied+1 {
		if err := c.decideAgain(fn); err != nil {
			return err
		}
	}
	return nil
}

// decideAgain decides the first entry that is ordered and not decided.
func (c *Core) decideAgain(fn func(*Decision) error) error {
	s := &c.restore
	e := s.entries[0]
	s.entries = s.entries[1:]
	var failed error
	err := c.apply(e, func(d *Decision) {
		if fn != nil {
			failed = fn(d)
		}
	})
	c.decided, c.written = c.decided[:0], c.state.applied
	return errors.Join(err, failed)
}

// misses reports whether a record can't be replayed because one before it is lost. It is
// left to a seal or a checkpoint.
func (c *Core) misses(index uint64) bool {
	s := &c.restore.loss
	if !s.any || index <= c.state.applied+1 {
		return false
	}
	s.missed = max(s.missed, index)
	return true
}

// ReplaySealed takes a seal's payload behind a loss: the records that it repeats are
// replayed where they are missing. digest returns the digest of the content at an offset
// of the file, false if that is lost as well; the decision then has none.
func (c *Core) ReplaySealed(payload []byte, digest func(offset int64) (blobstore.Digest, bool), fn func(*Decision) error) error {
	if err := c.loaded(); err != nil {
		return err
	}
	s, err := ReadSeal(payload)
	if err != nil {
		return err
	}
	if s.Count > 0 {
		if err := c.catchUp(s.First-1, fn); err != nil {
			return err
		}
		if err := c.replayRows(&s, digest, fn); err != nil {
			return err
		}
	}
	if s.Rest == nil {
		return nil
	}
	return c.ReplayDecided(s.Rest, fn)
}

func (c *Core) replayRows(s *Seal, digest func(int64) (blobstore.Digest, bool), fn func(*Decision) error) error {
	if c.misses(s.First) {
		return nil
	}
	var rows rowState
	r, chain, known := reader{b: s.rows}, s.Before, true
	for i := range s.Count {
		lost := false
		rec, err := rows.decode(&r, s.First+i, func(offset int64) (blobstore.Digest, error) {
			d, ok := digest(offset)
			lost = !ok
			return d, nil
		})
		if err != nil {
			return fmt.Errorf("seal: row of Raft entry %d: %w", s.First+i, err)
		}
		known = known && !lost
		c.scratch = rec.append(append(c.scratch[:0], chain[:]...))
		chain = sha256.Sum256(c.scratch)
		if i+1 == s.Count {
			if known && chain != s.After {
				return errRows
			}
			chain = s.After
		}
		if rec.index <= c.state.applied {
			continue
		}
		if err := c.install(rec, chain, fn); err != nil {
			return err
		}
	}
	return nil
}

// install installs a record that follows, whatever entries there are, and shows it.
func (c *Core) install(rec *record, chain blobstore.Digest, fn func(*Decision) error) error {
	c.before = c.state.chain
	if err := c.state.install(rec, chain); err != nil {
		return fmt.Errorf("decided record of Raft entry %d: %w", rec.index, err)
	}
	c.letGo()
	c.restore.loss.open, c.written = false, c.state.applied
	if fn == nil {
		return nil
	}
	kept := c.record
	defer func() { c.record = kept }()
	c.record = *rec // for Filed
	return fn(c.show(rec))
}

// ReplayOpening takes a checkpoint frame's payload behind a loss. What it knows more
// than the frames before it is lost: lost is called with that, log by log. Keys, and
// outcomes of numbered appends, from before it are forgotten then.
func (c *Core) ReplayOpening(payload []byte, fn func(*Decision) error, lost func(Range) error) error {
	if err := c.loaded(); err != nil {
		return err
	}
	o, err := ReadOpening(payload)
	if err != nil {
		return err
	}
	if err := c.catchUp(o.Applied, fn); err != nil {
		return err
	}
	c.restore.loss.open = false
	if o.Applied <= c.state.applied {
		return c.ReplayCheckpoint(payload)
	}
	was := c.state.logs
	if err := c.jump(payload); err != nil {
		return err
	}
	for i := range o.Logs {
		r := Range{Log: uint32(i) + 1, Name: o.Logs[i].Name, First: 1, Last: o.Logs[i].Head}
		if i < len(was) {
			r.First = was[i].head + 1
		}
		if r.First <= r.Last {
			if err := lost(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// jump makes a checkpoint the state, without the rows that belong to it.
func (c *Core) jump(payload []byte) error {
	s := &c.state
	*s = state{}
	hard, l, err := s.decode(payload)
	if err != nil {
		return err
	}
	s.keys.rows.first, s.outcomes.runs.first = l.keys, l.runs
	c.written, c.saved = s.applied, saved{l.keys, s.outcomes.next}
	c.restore.hard.raise(hard)
	c.restore.loss.voted = false
	c.letGo()
	return s.settings.known()
}
