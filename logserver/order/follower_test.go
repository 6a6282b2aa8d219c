package order

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// led is a follower that leaders of many terms give entries, which the next ones take back
// in part. What lies on its disk after each flush is noted, and so are checkpoints, which
// are made at any moment, with files that turn in between.
type led struct {
	*machine
	r          *rand.Rand
	log        []*pb.Entry // of whoever leads: log[i] has index i+1
	term       uint64
	from       uint64
	given      uint64 // up to here the follower has it
	committed  uint64
	stands     []stand // after each flush
	bases      []*database
	made       []int // bases: after how many flushes
	withOrder  int   // bases that have Ordered
	turns      int   // that came while something was ordered and not decided
	lastRecord int   // flush that has the last record
}

// stand is what must be known again from what is flushed.
type stand struct {
	written uint64
	hard    hardState
	ordered []string
}

func newLed(t testing.TB, seed uint64) *led {
	l := &led{r: rand.New(rand.NewPCG(seed, 5)), from: 1, term: 1}
	l.machine = &machine{t: t, options: Options{Node: 3, Join: true, Start: 7}, db: &database{}}
	l.core = New(l.options)
	l.bases, l.made = []*database{l.db}, []int{0}
	l.must(l.core.Start())
	l.welcome()
	settings := envelope{kind: KindSettings, header: header{node: 1}, settings: Settings{
		Apply: applyVersion, Limits: Limits{}.withDefaults(), Placement: Placement{}.WithDefaults(), Voters: []uint64{1},
	}}
	join := &pb.ConfChangeV2{
		Changes: []*pb.ConfChangeSingle{change(pb.ConfChangeAddLearnerNode, 3)},
		Context: appendHeader(nil, KindMember, &header{node: 1}),
	}
	data, err := proto.Marshal(join)
	l.must(err)
	joined := &pb.Entry{Type: pb.EntryConfChangeV2.Enum(), Index: new(uint64(3)), Term: new(uint64(1)), Data: data}
	l.log = []*pb.Entry{entry(1, 1, ""), entry(2, 1, string(settings.append(nil))), joined}
	l.committed = 3
	l.give()
	return l
}

// give gives the follower what it hasn't got, and has it flush and go on in between.
func (l *led) give() {
	before, beforeTerm := l.given, uint64(0)
	if before > 0 {
		beforeTerm = l.log[before-1].GetTerm()
	}
	l.must(l.core.Step(l.raft(l.from, &pb.Message{
		Type: pb.MsgApp.Enum(), Term: new(l.term), Index: new(before), LogTerm: new(beforeTerm),
		Commit: new(l.committed), Entries: l.log[before:],
	})))
	l.given = uint64(len(l.log))
	l.goOn()
}

func (l *led) goOn() {
	for {
		l.anyTime()
		if l.r.IntN(2) == 0 {
			l.early()
			l.anyTime()
		}
		room := l.core.Unstored()
		l.anyTime()
		r, ok := l.core.Ready()
		if !ok && (r.Decided == nil || l.r.IntN(3) > 0) {
			return
		}
		size := len(r.State) + len(r.Decided)
		for _, o := range r.Order {
			size += len(o) + frameRoom
		}
		if size > room {
			l.t.Fatalf("Ready gives %d bytes, Unstored said %d", size, room)
		}
		l.write(r)
		l.note(r.Decided)
		l.anyTime()
		if l.r.IntN(2) == 0 {
			l.must(l.core.Flushed())
			l.anyTime()
		}
		l.advance()
	}
}

// note notes what is on the disk once a batch is flushed, of which the Core isn't told yet.
func (l *led) note(decided []byte) {
	var s stand
	if n := len(l.stands); n > 0 {
		s = l.stands[n-1]
		s.ordered = slices.Clone(s.ordered)
	}
	flush := &l.disk[len(l.disk)-1]
	if len(decided) > 0 {
		l.lastRecord = len(l.disk) - 1
		l.must(SplitDecided(decided, func(index uint64, _ []byte) error { s.written = index; return nil }))
	}
	if flush.state != nil {
		h, err := decodeState(flush.state)
		l.must(err)
		s.hard = h
	}
	for _, o := range flush.order {
		e, err := decodeOrder(o)
		l.must(err)
		s.ordered = append(s.ordered[:e.GetIndex()-1], name(e))
	}
	l.stands = append(l.stands, s)
}

func name(e *pb.Entry) string { return fmt.Sprint(e.GetIndex(), "/", e.GetTerm()) }

// anyTime makes checkpoints, and turns.
func (l *led) anyTime() {
	switch l.r.IntN(6) {
	case 0:
		cp, ok := l.core.Checkpoint()
		if !ok {
			break
		}
		l.db = l.db.save(&cp, l.lastRecord)
		l.core.Saved(&cp)
		l.bases, l.made = append(l.bases, l.db), append(l.made, len(l.disk))
		if len(cp.Ordered) > 0 {
			l.withOrder++
		}
	case 1:
		seal, checkpoint, ok := l.core.Turn(7)
		if !ok {
			break
		}
		if l.core.storage.last() > l.core.Applied() {
			l.turns++
		}
		l.must(l.core.Agrees(checkpoint))
		l.disk = append(l.disk, flush{seal: seal, checkpoint: checkpoint})
		l.note(nil)
		l.stands[len(l.stands)-1].written = l.core.Applied()
		l.lastRecord = len(l.disk) - 1
		l.core.Turned()
	}
}

// run has leaders come and go.
func (l *led) run(steps int) {
	for range steps {
		if l.r.IntN(4) == 0 { // another leader, who lacks some of what isn't committed
			l.term++
			l.from = 1 + l.r.Uint64N(2)
			keep := l.committed + l.r.Uint64N(uint64(len(l.log))-l.committed+1)
			l.log = l.log[:keep:keep]
			l.given = min(l.given, keep)
			l.log = append(l.log, entry(keep+1, l.term, ""))
		}
		for range l.r.IntN(4) {
			n := uint64(len(l.log)) + 1
			l.log = append(l.log, entry(n, l.term, incarnationEntry(n)))
		}
		l.give()
		if last := l.log[len(l.log)-1]; last.GetTerm() == l.term && l.r.IntN(2) == 0 {
			l.committed += l.r.Uint64N(last.GetIndex() - l.committed + 1)
			if l.log[max(l.committed, 1)-1].GetTerm() < l.term {
				l.committed = last.GetIndex() // of its own term a leader commits
			}
		}
	}
}

// TestFollowerRestartedAtEveryFlush restores a follower from each flush, on each checkpoint
// before it, also with frames from before the checkpoint: it knows what it had ordered and
// how far it had decided, its term and its vote.
func TestFollowerRestartedAtEveryFlush(t *testing.T) {
	withOrder, turns := 0, 0
	for seed := range uint64(20) {
		l := newLed(t, seed)
		l.run(25)
		withOrder, turns = withOrder+l.withOrder, turns+l.turns
		for n := 1; n <= len(l.disk); n++ {
			for i, db := range l.bases {
				if l.made[i] <= n {
					l.restoreAt(seed, db, n)
				}
			}
		}
	}
	if withOrder < 50 || turns < 50 {
		t.Errorf("%d checkpoints and %d turns while something was not decided", withOrder, turns)
	}
}

func (l *led) restoreAt(seed uint64, db *database, n int) {
	l.t.Helper()
	earlier := *db
	earlier.replay -= l.r.IntN(min(db.replay, 3) + 1)
	c, err := restored(l.options, &earlier, l.disk[:n])
	if err != nil {
		l.t.Fatalf("seed %d, flush %d, checkpoint at %d: %v", seed, n, db.replay, err)
	}
	want := l.stands[n-1]
	hard, err := c.restoredState()
	if err != nil {
		l.t.Fatalf("seed %d, flush %d, checkpoint at %d: %v", seed, n, db.replay, err)
	}
	ordered := make([]string, 0, len(c.restore.entries))
	for _, e := range c.restore.entries {
		ordered = append(ordered, name(e))
	}
	if c.Applied() != want.written || !slices.Equal(ordered, want.ordered[c.Applied():]) {
		l.t.Fatalf("seed %d, flush %d, checkpoint at %d: decided %d, ordered %v; want %d, %v",
			seed, n, db.replay, c.Applied(), ordered, want.written, want.ordered[want.written:])
	}
	if hard.term != want.hard.term || hard.vote != want.hard.vote {
		l.t.Fatalf("seed %d, flush %d, checkpoint at %d: %+v, want %+v", seed, n, db.replay, hard, want.hard)
	}
}

// TestEarlyDecidesBeforeTheNextFlush gives a follower entries together with the commit of those that it has
// flushed: those are decided at once, and none of the new ones is before it is flushed, though it be committed.
func TestEarlyDecidesBeforeTheNextFlush(t *testing.T) {
	l := newLed(t, 1)
	next := func() { l.log = append(l.log, entry(uint64(len(l.log))+1, l.term, "")) }
	next()
	l.give()
	l.committed = uint64(len(l.log))
	next()
	l.committed++ // the others have it
	message := &pb.Message{
		Type: pb.MsgApp.Enum(), Term: new(l.term), Index: new(l.given), LogTerm: new(l.term),
		Commit: new(l.committed), Entries: l.log[l.given:],
	}
	l.must(l.core.Step(l.raft(l.from, message)))
	if got := l.early(); got != l.given || l.core.Applied() != l.given {
		t.Errorf("decided up to %d, applied %d; want %d, which is what is flushed", got, l.core.Applied(), l.given)
	}
	l.goOn()
	if got := l.core.Applied(); got != l.committed {
		t.Errorf("applied %d, want %d", got, l.committed)
	}
}

// founded3 is a leader's message with a founding, which is committed.
func founded3(entries []*pb.Entry) *pb.Message {
	return &pb.Message{
		Type: pb.MsgApp.Enum(), Term: new(uint64(1)), Index: new(uint64(0)), LogTerm: new(uint64(0)),
		Commit: new(uint64(3)), Entries: entries,
	}
}
