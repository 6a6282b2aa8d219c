package order

import (
	"crypto/sha256"
	"errors"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

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
