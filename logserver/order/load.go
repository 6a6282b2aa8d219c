package order

import (
	"errors"
	"fmt"
)

// checkpointVersion begins a checkpoint's State. What follows: applied, term; Raft's
// term, vote, commit: uvarint; chain (32 bytes), time (8 bytes, LE); settings; in
// version 2, which is written when the members were ever changed, those; nodes:
// count, each: id, incarnation, seq: uvarint; logs, by number: count, each: head:
// uvarint, length byte, name; producers ever: uvarint; producers, the one used last at
// the end: count, each: serial, last: uvarint, length byte, name; of keys and of
// outcomes: the numbers of the first row and of the next; of outcomes also the running
// numbers of the first append in a row and of the next: uvarint; in version 3, which is
// version 2 and written when something is known about nodes: see appendFacts; checksum.
const (
	checkpointVersion = 1
	membersVersion    = 2
	factsVersion      = 3
)

func (s *state) append(dst []byte, hard hardState) []byte {
	start := len(dst)
	version := byte(checkpointVersion)
	if s.members.Version > 0 {
		version = membersVersion
	}
	if len(s.facts) > 0 || s.newest > s.derived() {
		version = factsVersion
	}
	dst = appendUvarints(append(dst, version), s.applied, s.term, hard.term, hard.vote, hard.commit)
	dst = appendTime(append(dst, s.chain[:]...), s.time)
	dst = appendSettings(dst, &s.settings)
	if version >= membersVersion {
		dst = appendMembers(dst, &s.members)
	}
	dst = appendUvarints(dst, uint64(len(s.nodes)))
	for _, n := range s.nodes {
		dst = appendUvarints(dst, n.id, n.incarnation, n.seq)
	}
	dst = appendUvarints(dst, uint64(len(s.logs)))
	for i := range s.logs {
		dst = appendUvarints(dst, s.logs[i].head)
		dst = append(append(dst, byte(len(s.logs[i].name))), s.logs[i].name...)
	}
	dst = appendUvarints(dst, s.producers.born, uint64(len(s.producers.byName)))
	s.producers.all(func(p *producer) {
		dst = appendUvarints(dst, p.serial, p.last)
		dst = append(append(dst, byte(len(p.name))), p.name...)
	})
	dst = appendUvarints(dst, s.keys.rows.first, s.keys.rows.next(),
		s.outcomes.runs.first, s.outcomes.runs.next(), s.outcomes.first(), s.outcomes.next)
	if version == factsVersion {
		dst = s.appendFacts(dst)
	}
	return appendSum(dst, start)
}

// loading is what is still to come of a checkpoint.
type loading struct {
	keys     uint64 // number of the next row that ends the loading of keys
	runs     uint64 // likewise of outcomes
	outcomes uint64 // running number of the next append to load
	bySerial map[uint64]*producer
}

// LoadCheckpoint takes a Checkpoint's State, before anything else. After an error of
// this, LoadKey or LoadOutcome the Core is of no use; the frames alone, given to a new
// one, restore everything.
func (c *Core) LoadCheckpoint(state []byte) error {
	if c.node != nil || c.state.applied > 0 || c.restore.loading != nil || len(c.restore.entries) > 0 {
		return errors.New("checkpoint after something else")
	}
	hard, l, err := c.state.decode(state)
	if err != nil {
		return err
	}
	c.restore.hard, c.restore.loading, c.restore.sparse = hard, l, true
	c.written = c.state.applied
	c.saved = saved{l.keys, c.state.outcomes.next}
	if err := c.state.settings.known(); err != nil {
		return err
	}
	return c.state.settings.Check()
}

// decode reads what append wrote into a new state.
func (s *state) decode(data []byte) (hard hardState, l *loading, err error) {
	r := summed(data)
	version, err := r.checkpointVersion()
	if err != nil {
		return hard, nil, err
	}
	s.applied, s.term = r.between(1, maxNumber), r.between(1, maxNumber)
	hard = hardState{r.between(0, maxNumber), r.between(0, maxNode), r.between(0, maxNumber)}
	r.into(s.chain[:])
	s.time = r.time()
	r.settings(&s.settings)
	if s.members = (Members{Voters: append([]uint64(nil), s.settings.Voters...)}); version >= membersVersion {
		s.members = r.members()
	}
	for range r.count(3) {
		s.nodes = append(s.nodes, node{r.uvarint(), r.uvarint(), r.uvarint()})
	}
	s.loadLogs(&r)
	s.limit()
	l = &loading{bySerial: make(map[uint64]*producer)}
	s.loadProducers(&r, l)
	s.keys.rows.first, l.keys = r.uvarint(), r.uvarint()
	s.outcomes.runs.first, l.runs = r.uvarint(), r.uvarint()
	l.outcomes, s.outcomes.next = r.uvarint(), r.uvarint()
	if s.keys.rows.first > l.keys || s.outcomes.runs.first > l.runs || l.outcomes > s.outcomes.next {
		r.fail()
	}
	if s.newest = s.derived(); version == factsVersion {
		s.loadFacts(&r)
	}
	return hard, l, r.end("checkpoint")
}

// checkpointVersion reads the version byte.
func (r *reader) checkpointVersion() (version byte, err error) {
	if len(r.b) > 0 && (r.b[0] == membersVersion || r.b[0] == factsVersion) {
		return r.byte(), nil
	}
	return checkpointVersion, r.version("checkpoint")
}

func (s *state) loadLogs(r *reader) {
	for i := range r.count(3) {
		head, name := r.between(0, maxNumber), r.name(maxLogName)
		if r.bad || s.installLog(logRef{uint32(i) + 1, name}) != nil {
			r.fail()
			return
		}
		s.logs[i].head = head
	}
}

func (s *state) loadProducers(r *reader, l *loading) {
	s.producers.born = r.uvarint()
	for range r.count(4) {
		p := &producer{serial: r.uvarint(), last: r.between(1, maxNumber), name: string(r.name(maxProducer))}
		if r.bad || p.serial >= s.producers.born || l.bySerial[p.serial] != nil || s.producers.byName[p.name] != nil {
			r.fail()
			return
		}
		l.bySerial[p.serial] = p
		s.producers.add(p)
	}
}

var errRow = errors.New("row out of order")

// LoadKey takes a row of the checkpoint's Keys, in the order of their numbers.
func (c *Core) LoadKey(n uint64, row []byte) error {
	l, k := c.restore.loading, &c.state.keys
	switch {
	case l == nil:
		return errors.New("row without a checkpoint")
	case n < k.rows.first && k.rows.n == 0:
		return nil // was to be removed
	case n != k.rows.next() || n >= l.keys:
		return fmt.Errorf("key %d: %w", n, errRow)
	}
	var v keyRow
	if err := v.decode(row); err != nil {
		return fmt.Errorf("key %d: %w", n, err)
	}
	if _, ok := k.find(v.key); ok {
		return fmt.Errorf("key %d: there twice", n)
	}
	k.add(v)
	return nil
}

// LoadOutcome takes a row of the checkpoint's Outcomes, in the order of their numbers.
func (c *Core) LoadOutcome(n uint64, row []byte) error {
	l, o := c.restore.loading, &c.state.outcomes
	switch {
	case l == nil:
		return errors.New("row without a checkpoint")
	case n < o.runs.first && o.runs.n == 0:
		return nil // was to be removed
	case n != o.runs.next() || n >= l.runs:
		return fmt.Errorf("outcome %d: %w", n, errRow)
	}
	var v outcomeRun
	serial, err := v.decode(row)
	if err != nil {
		return fmt.Errorf("outcome %d: %w", n, err)
	}
	if v.number != l.outcomes {
		return fmt.Errorf("outcome %d: %w", n, errRow)
	}
	p := l.bySerial[serial]
	if p == nil {
		p = &producer{serial: serial, forgotten: true}
		l.bySerial[serial] = p
	}
	if k := len(p.runs); k > 0 {
		if before := o.runs.at(p.runs[k-1]); before.seq+uint64(before.appends) != v.seq {
			return fmt.Errorf("outcome %d: %w", n, errRow)
		}
	}
	v.producer = p
	o.hold(v)
	l.outcomes = v.end()
	return nil
}

// loaded ends the loading of a checkpoint, if one is being loaded, and reports rows
// that are missing.
func (c *Core) loaded() error {
	if c.node != nil {
		return errors.New("restored after start")
	}
	l := c.restore.loading
	if l == nil {
		return nil
	}
	c.restore.loading = nil
	s := &c.state
	if s.keys.rows.next() != l.keys || s.outcomes.runs.next() != l.runs || l.outcomes != s.outcomes.next {
		return errors.New("checkpoint: rows are missing")
	}
	var err error
	s.producers.all(func(p *producer) {
		if k := len(p.runs); k > 0 && s.outcomes.runs.at(p.runs[k-1]).lastSeq() != p.last {
			err = fmt.Errorf("checkpoint: outcomes of producer %q: %w", p.name, errRow)
		}
	})
	return err
}
