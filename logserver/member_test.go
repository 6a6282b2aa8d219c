package logserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
)

// lan carries messages between the Logs of a test, each pair's in order.
type lan struct {
	mu    sync.Mutex
	nodes map[uint64]*Log
	cut   map[[2]uint64]bool
	dead  map[uint64]bool                                         // its power has failed
	alter func(from uint64, kind byte, payload []byte) []byte     // what becomes of a message; nil: nothing
	spoil func(from, to uint64, kind byte, payload []byte) []byte // what arrives in place of a message; nil: the message
	pipes map[[2]uint64]chan func()
	done  chan struct{}
	wait  sync.WaitGroup

	quorum time.Duration // of nodes that are started; 0: the default
}

func newLAN(t testing.TB) *lan {
	n := &lan{nodes: map[uint64]*Log{}, cut: map[[2]uint64]bool{}, dead: map[uint64]bool{}, pipes: map[[2]uint64]chan func(){}, done: make(chan struct{})}
	t.Cleanup(func() { close(n.done); n.wait.Wait() })
	return n
}

// port is one node's end.
type port struct {
	lan  *lan
	from uint64
}

func (p port) Join(map[uint64][]byte) {}

func (p port) Send(to uint64, kind byte, payload []byte) {
	n, pair := p.lan, [2]uint64{p.from, to}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead[p.from] {
		return
	}
	if n.alter != nil {
		payload = n.alter(p.from, kind, payload)
	}
	if n.spoil != nil {
		payload = n.spoil(p.from, to, kind, payload)
	}
	pipe, ok := n.pipes[pair]
	if !ok {
		pipe = make(chan func(), 10_000)
		n.pipes[pair] = pipe
		n.wait.Go(func() {
			for {
				select {
				case deliver := <-pipe:
					deliver()
				case <-n.done:
					return
				}
			}
		})
	}
	select {
	case pipe <- func() {
		n.mu.Lock()
		l, cut := n.nodes[to], n.cut[pair] || n.dead[to]
		n.mu.Unlock()
		if l != nil && !cut {
			l.Receive(p.from, kind, payload)
		}
	}:
	default:
	}
}

// start starts a node; nil files: with an empty disk.
func (n *lan) start(t *testing.T, id uint64, files fs.FS, db string) *Log {
	t.Helper()
	return n.startWith(t, id, files, db, func(*Options) {})
}

func (n *lan) startWith(t testing.TB, id uint64, files fs.FS, db string, change func(*Options)) *Log {
	t.Helper()
	identity := segment.Identity{Cluster: [16]byte{7}, Node: [16]byte{byte(id)}}
	o := Options{
		Files: files, DB: db, Segment: 256 << 10, Logger: zerolog.New(zerolog.NewTestWriter(t)).With().Uint64("node", id).Logger(),
		Member: &Member{Network: port{n, id}, Number: id, Joins: id != 1, Identity: identity, About: fmt.Append(nil, "node ", id), Tick: 20 * time.Millisecond, Quorum: n.quorum},
	}
	change(&o)
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	n.nodes[id] = l
	n.mu.Unlock()
	return l
}

// answered tells whether every append's fate is known.
func (d *ledger) answered() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done == len(d.asked)
}

// until waits until something is so.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s", what)
		}
	}
}

func (n *lan) admit(t testing.TB, id uint64) {
	t.Helper()
	until(t, "a node to be admitted", func() bool {
		n.mu.Lock()
		nodes := maps.Clone(n.nodes)
		n.mu.Unlock()
		for _, l := range nodes {
			s, _ := l.Standing()
			if s.Members.Has(id) {
				return true
			}
			if err := l.Admit(context.Background(), id, fmt.Append(nil, "node ", id)); err != nil && !errors.Is(err, order.ErrNotServing) && !errors.Is(err, order.ErrMembers) {
				t.Fatal(err)
			}
		}
		return false
	})
}

func (n *lan) voters(l *Log) int {
	s, _ := l.Standing()
	if s.Members.Joint() || !s.Serving {
		return 0
	}
	return len(s.Members.Voters)
}

// three starts three nodes that vote.
func three(t *testing.T) (*lan, map[uint64]*Log) {
	t.Helper()
	n := newLAN(t)
	return n, n.form(t)
}

func (n *lan) form(t *testing.T) map[uint64]*Log {
	t.Helper()
	logs := map[uint64]*Log{}
	for id := uint64(1); id <= 3; id++ {
		logs[id] = n.start(t, id, fs.Memory(), filepath.Join(t.TempDir(), "db"))
	}
	until(t, "the founder to serve", func() bool { return n.voters(logs[1]) == 1 })
	n.admit(t, 2)
	n.admit(t, 3)
	for _, l := range logs {
		until(t, "three to vote", func() bool { return n.voters(l) == 3 })
	}
	return logs
}

func closeAll(t *testing.T, logs map[uint64]*Log) {
	t.Helper()
	for _, l := range logs {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Three nodes form one log: what is appended at any of them can be read at all.
func TestThreeNodesFormOneLog(t *testing.T) {
	_, logs := three(t)
	ledgers := map[uint64]*ledger{}
	var all sync.WaitGroup
	for id, l := range logs {
		d := newLedger()
		ledgers[id] = d
		all.Go(func() {
			d.life = int(id)
			r := rand.New(rand.NewPCG(id, 0))
			for i := range 200 {
				d.append(l, r, i)
			}
			until(t, "answers", d.answered)
		})
	}
	all.Wait()
	for _, l := range logs {
		if err := l.Newest(context.Background()); err != nil {
			t.Fatal(err)
		}
		for id, d := range ledgers {
			if len(d.refused) > 0 {
				t.Errorf("node %d refused %v", id, d.refused)
			}
			mustHold(t, l, d.snapshot())
		}
	}
	closeAll(t, logs)
}

// A node that was away for long catches up, though nobody knows any more by its digest alone
// where old content is.
func TestNodeThatWasAwayCatchesUp(t *testing.T) {
	n, logs := three(t)
	n.isolate(3, true)
	d := newLedger()
	r := rand.New(rand.NewPCG(1, 1))
	s, _ := logs[1].Standing()
	for begin := s.Applied; s.Applied < begin+1300; s, _ = logs[1].Standing() {
		d.append(logs[1], r, 1)
		until(t, "an answer", func() bool { return d.answeredUpTo(8) })
	}
	until(t, "answers", d.answered)
	n.isolate(3, false)
	until(t, "the one that was away", func() bool { return logs[3].Newest(context.Background()) == nil })
	mustHold(t, logs[3], d.snapshot())
	closeAll(t, logs)
}

// A head that was confirmed is no smaller than what had been acknowledged before the question,
// at a node that is catching up, too.
func TestConfirmedHeadsAreNotOld(t *testing.T) {
	n, logs := three(t)
	r := rand.New(rand.NewPCG(2, 2))
	d := newLedger()
	for round := range 12 {
		n.isolate(3, true)
		for range 20 {
			d.append(logs[1], r, round)
		}
		until(t, "answers", d.answered)
		acked := d.snapshot()
		n.isolate(3, false)
		until(t, "node 3 to be told", func() bool { return logs[3].Newest(context.Background()) == nil })
		for log, entries := range acked {
			for at := range entries {
				if head := logs[3].HeadOf(log); head < at {
					t.Fatalf("round %d: %s has the confirmed head %d, and %d was acknowledged before", round, log, head, at)
				}
			}
		}
	}
	closeAll(t, logs)
}
