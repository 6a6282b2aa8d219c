package order

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

// A node that is too far behind for Raft's entries gets a snapshot from the leader: index,
// term, members and chain, nothing more. What was decided up to there it pulls from any
// member as decided records, with their contents, and writes them as its own; with each
// piece Raft is told that the log begins behind it.
type pull struct {
	goal    *pb.Message // the snapshot; nil: there is none
	from    uint64      // who sent records
	records []byte      // a decided frame that came, to be written next
	at      uint64      // tick of the last question or progress
	asks    uint64
	asked   map[blobstore.Digest]asked
}

// errDiverged means that two nodes have decided the same entry otherwise: none of them
// can go on.
var errDiverged = errors.New("decided otherwise than other nodes")

// snapshot is what the leader sends instead of entries that it hasn't got any more. Its
// data: chain (32 bytes); members; how many of them are seated: uvarint.
func (c *Core) snapshot() *pb.Snapshot {
	s := &c.state
	members := appendMembers(append([]byte(nil), s.chain[:]...), &s.members)
	return &pb.Snapshot{
		Data: appendUvarints(members, uint64(len(s.seated()))),
		Metadata: &pb.SnapshotMetadata{
			Index: new(s.applied), Term: new(s.term), ConfState: s.members.confState(),
		},
	}
}

// restored takes over a snapshot that Raft has taken: its members are Raft's now.
func (c *Core) restored(s *pb.Snapshot) error {
	r := reader{b: s.GetData()}
	r.take(len(c.state.chain))
	c.inRaft = r.members()
	return c.storage.restart(s)
}

func (c *Core) stepSnapshot(m *pb.Message) error {
	s := m.GetSnapshot()
	r := reader{b: s.GetData()}
	var chain blobstore.Digest
	r.into(chain[:])
	r.members()
	r.uvarint()
	if err := r.end("snapshot"); err != nil {
		return fmt.Errorf("%w: %v", ErrMessage, err)
	}
	index := s.GetMetadata().GetIndex()
	if index == c.state.applied && chain != c.state.chain {
		return fmt.Errorf("raft entry %d: %w", index, errDiverged)
	}
	if m.GetTerm() < c.flushed.term || index <= c.state.applied {
		return c.toRaft(m)
	}
	if c.pull.goal == nil {
		c.pull.goal = m
		c.pull.ask(c)
	}
	c.pull.goal = m
	return nil
}

// ask asks a member for what is to be pulled next, if anything is: first who sent the snapshot, then one
// after the other.
func (p *pull) ask(c *Core) {
	s := p.goal.GetSnapshot().GetMetadata()
	if s.GetIndex() <= c.state.applied {
		p.goal, p.records = nil, nil
		return
	}
	to := p.goal.GetFrom()
	if all := s.GetConfState().GetVoters(); p.asks%2 == 1 && len(all) > 0 {
		to = all[int(p.asks/2)%len(all)]
	}
	p.asks++
	p.at = c.ticks
	if to != c.options.Node {
		c.send(to, MessagePull, Pull{c.state.applied + 1, s.GetIndex()}.append(nil))
	}
}

func (p *pull) tick(c *Core) {
	if p.goal == nil {
		p.tickAlone(c)
		return
	}
	patience := uint64(2)
	if p.records != nil {
		patience = 20 // for their content
	}
	if c.ticks-p.at >= patience {
		p.records = nil
		p.ask(c)
	}
}

// tickAlone is for a node that has had no leader for long: it pulls what others have
// decided. Perhaps it doesn't know yet that a change of members has ended, and waits for
// votes that nobody has to give any more. One that is leaving isn't told otherwise.
func (p *pull) tickAlone(c *Core) {
	patience := uint64(leaderless)
	if c.leaving() {
		patience = unheard
	} else if c.lead != 0 {
		p.at, p.records = c.ticks, nil
		return
	}
	if c.ticks-p.at < patience {
		return
	}
	p.at, p.records = c.ticks, nil
	if others := c.others(); len(others) > 0 {
		to := others[int(p.asks)%len(others)]
		p.asks++
		c.send(to, MessagePull, Pull{c.state.applied + 1, maxNumber}.append(nil))
	}
}

// leaderless is for how many ticks a node may be without a leader before it pulls.
const leaderless = 30

// unheard is for how many ticks a node that is leaving may not hear from its leader before it pulls.
const unheard = 3

// leaving tells whether this node will be no member when the change that is under way is done.
func (c *Core) leaving() bool { return c.state.members.leaves(c.options.Node) }

func (c *Core) stepRecords(m *Message) {
	if p := &c.pull; (p.goal != nil || c.lead == 0 || c.leaving()) && p.records == nil && c.takesPart() {
		p.records, p.from = m.Payload, m.From
	}
}

// examine returns as many of the records that came as go on from here and have their
// content here, as they are written; it asks for the content that the next one lacks.
func (c *Core) examine() (rows []byte) {
	p := &c.pull
	last := c.state.applied
	if p.records == nil {
		return nil
	}
	goal, chain := uint64(maxNumber), c.state.chain
	if p.goal != nil {
		goal = p.goal.GetSnapshot().GetMetadata().GetIndex()
	}
	wants := 0
	err := records(p.records, func(data []byte, claimed blobstore.Digest) error {
		rec := &c.record
		if err := rec.decode(data); err != nil {
			return err
		}
		switch {
		case rec.index <= c.state.applied:
			return nil
		case rec.index > goal, rec.index-c.state.applied > maxDecided:
			return errEnough // what the first of them names may be named by the last
		case rec.index != last+1 && wants == 0:
			return errMalformed
		}
		if w, lacks := c.lacks(rec); lacks {
			if times, ok := p.mayAsk(w.Digest, c.ticks); ok {
				c.wantAgain(times, rec.node, &w)
			}
			if wants++; wants == maxPullWants {
				return errEnough
			}
		}
		if wants > 0 {
			return nil
		}
		c.scratch = append(append(c.scratch[:0], chain[:]...), data...)
		if chain = sha256.Sum256(c.scratch); chain != claimed {
			return errDiverged
		}
		rows = append(appendUvarints(rows, uint64(len(data))), data...)
		rows = append(rows, chain[:]...)
		last = rec.index
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		p.records = nil
		if errors.Is(err, errDiverged) || errors.Is(err, ErrUnknown) {
			_ = c.fatal(err) // Err tells it
		}
		return nil
	}
	if len(rows) == 0 && wants == 0 {
		p.records = nil
		if p.goal != nil {
			p.ask(c)
		}
	}
	return rows
}

// askAgain is after how many ticks the same content is asked for again.
const askAgain = 3

// asked is how often, and in which tick last, content was asked for.
type asked struct {
	times int
	at    uint64
}

// mayAsk tells whether it is time to ask for content, and how often that was done before.
func (p *pull) mayAsk(d blobstore.Digest, now uint64) (times int, ok bool) {
	a, again := p.asked[d]
	if again && now-a.at < askAgain {
		return 0, false
	}
	if p.asked == nil || len(p.asked) > 8*maxPullWants {
		p.asked = make(map[blobstore.Digest]asked)
	}
	p.asked[d] = asked{a.times + 1, now}
	return a.times, true
}

// maxPullWants is for how many batches' content is asked at once that is of pulled records.
const maxPullWants = 512

var errEnough = errors.New("enough")

// lacks returns what has to be here before a record is written. Of a batch that is placed, or where most content
// belongs elsewhere, that is nothing: who owns the content fetches it behind, and goes on ordering meanwhile.
func (c *Core) lacks(rec *record) (w Want, lacks bool) {
	if rec.placed || c.spread() {
		return w, false
	}
	for i := range rec.items {
		if it := &rec.items[i]; it.adds() {
			if c.has(rec.digest) {
				return w, false
			}
			return Want{rec.digest, it.Log, it.First}, true
		}
	}
	return w, false
}

// spread tells whether there are more members to own content than replicas, here or where the pull is to lead, and
// this node may therefore be without.
func (c *Core) spread() bool {
	if c.options.Owns == nil {
		return false
	}
	owners := len(c.state.seated())
	if data := c.pull.goal.GetSnapshot().GetData(); len(data) > 0 {
		r := reader{b: data}
		r.take(len(c.state.chain))
		r.members()
		owners = max(owners, int(r.between(0, maxNode)))
	}
	replicas := c.state.settings.Replicas
	return replicas > 0 && owners > replicas
}

// installPulled installs the records that have been flushed, and tells Raft.
func (c *Core) installPulled(rows []byte, fn func(*Decision)) error {
	p := &c.pull
	r := reader{b: rows}
	for len(r.b) > 0 {
		data := r.take(r.count(1))
		var chain blobstore.Digest
		r.into(chain[:])
		rec := &c.record
		if err := rec.decode(data); err != nil {
			return err
		}
		c.before = c.state.chain
		if err := c.state.install(rec, chain); err != nil {
			return err
		}
		if err := c.resolved(rec); err != nil {
			return err
		}
		if fn != nil {
			fn(c.show(rec))
		}
	}
	p.at = c.ticks
	c.written = c.state.applied
	if err := c.skipAhead(); err != nil {
		return err
	}
	return nil
}

// skipAhead makes Raft's log begin behind what is decided.
func (c *Core) skipAhead() error {
	from := c.pull.from
	term := c.node.BasicStatus().GetTerm()
	if c.pull.goal != nil {
		from = c.pull.goal.GetFrom()
	}
	err := c.toRaft(&pb.Message{
		Type: pb.MsgSnap.Enum(), From: new(from), To: new(c.options.Node), Term: new(term), Snapshot: c.snapshot(),
	})
	if err == nil && c.pull.goal == nil {
		err = c.node.ForgetLeader() // it was none
	}
	return err
}
