package logserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// quintet is five nodes that hold content on three.
type quintet struct {
	*lan
	t    *testing.T
	logs map[uint64]*Log
	disk map[uint64]*fs.Mem
	db   map[uint64]string
	r    *rand.Rand
}

// newQuintet starts five nodes that vote. None of them fetches what it owns, unless change says so.
func newQuintet(t *testing.T, change func(*Options)) *quintet {
	t.Helper()
	q := &quintet{newLAN(t), t, map[uint64]*Log{}, map[uint64]*fs.Mem{}, map[uint64]string{}, rand.New(rand.NewPCG(5, 6))}
	for id := uint64(1); id <= 5; id++ {
		q.disk[id], q.db[id] = fs.Memory(), filepath.Join(t.TempDir(), "db")
		q.logs[id] = q.startWith(t, id, q.disk[id], q.db[id], func(o *Options) {
			o.Member.MoveRate = -1
			change(o)
		})
	}
	until(t, "the founder to serve", func() bool { return q.voters(q.logs[1]) == 1 })
	for id := uint64(2); id <= 5; id++ {
		q.admit(t, id)
	}
	for _, l := range q.logs {
		until(t, "five to vote", func() bool { return q.voters(l) == 5 })
	}
	return q
}

// set changes how content is placed, at all nodes.
func (q *quintet) set(p order.Placement) {
	q.t.Helper()
	settings := func(l *Log) (s order.Settings) {
		if err := l.do(q.t.Context(), func() error { s = l.core.Settings(); return nil }); err != nil {
			q.t.Fatal(err)
		}
		return s
	}
	until(q.t, "the settings", func() bool {
		s, _ := q.logs[1].Standing()
		if l := q.logs[s.Leader]; l != nil {
			if err := l.do(q.t.Context(), func() error { return l.core.Set(p) }); err != nil && !errors.Is(err, order.ErrNotServing) {
				q.t.Fatal(err)
			}
		}
		for _, l := range q.logs {
			if settings(l).Placement != p {
				return false
			}
		}
		return true
	})
}

// append appends at a node until all is answered.
func (q *quintet) append(id uint64, n int) *ledger {
	q.t.Helper()
	d := newLedger()
	d.life = q.r.IntN(1 << 30)
	for i := range n {
		d.append(q.logs[id], q.r, i)
		until(q.t, "an answer", d.answered)
	}
	return d
}

// upToDate waits until all nodes but some know the newest.
func (q *quintet) upToDate(but ...uint64) {
	q.t.Helper()
	for id, l := range q.logs {
		if !slices.Contains(but, id) {
			until(q.t, "a node to be up to date", func() bool { return l.Newest(context.Background()) == nil })
		}
	}
}

// batchAt is where a batch's entries begin in a log.
type batchAt struct {
	log   uint32
	first uint64
}

// shelves returns which nodes have the content of each batch behind the heads given.
func (q *quintet) shelves(behind map[uint32]uint64) map[batchAt][]uint64 {
	q.t.Helper()
	have := map[batchAt][]uint64{}
	for id, l := range q.logs {
		for _, topic := range l.hub.Logs() {
			rows, err := l.index.Range(topic.ID(), 1, nil, 1<<20)
			if err != nil {
				q.t.Fatal(err)
			}
			for i := range rows {
				at := batchAt{rows[i].Log, rows[i].First}
				if at.first > behind[at.log] && !rows[i].Place.IsAway() {
					have[at] = append(have[at], id)
				}
			}
		}
	}
	return have
}

func (q *quintet) heads() map[uint32]uint64 {
	heads := map[uint32]uint64{}
	for _, topic := range q.logs[1].hub.Logs() {
		heads[topic.ID()] = topic.Head()
	}
	return heads
}

// lieAt waits until each batch behind the heads lies at as many nodes, none of them among without.
func (q *quintet) lieAt(behind map[uint32]uint64, nodes int, without ...uint64) {
	q.t.Helper()
	until(q.t, fmt.Sprintf("all batches to be at %d nodes", nodes), func() bool {
		have := q.shelves(behind)
		for at, ids := range have {
			if slices.ContainsFunc(ids, func(id uint64) bool { return slices.Contains(without, id) }) {
				q.t.Fatalf("batch %+v is at nodes %d", at, ids)
			}
			if len(ids) != nodes {
				return false
			}
		}
		if len(have) == 0 {
			q.t.Fatal("there are no batches")
		}
		return true
	})
}

func (q *quintet) end() {
	q.t.Helper()
	closeAll(q.t, q.logs)
	for id := range q.logs {
		mustCheck(q.t, q.disk[id], q.db[id])
	}
}

// What is appended at any of five nodes is acknowledged, lies on three of them, its owners, and can be read
// at all.
func TestContentIsAtItsOwnersOnly(t *testing.T) {
	q := newQuintet(t, func(*Options) {})
	var ledgers []*ledger
	for id := uint64(1); id <= 5; id++ {
		ledgers = append(ledgers, q.append(id, 40))
	}
	q.upToDate()
	q.lieAt(nil, 3)
	for _, d := range ledgers {
		if reasons := d.reasons(); len(reasons) > 0 {
			t.Errorf("refused %v", reasons)
		}
		for _, l := range q.logs {
			mustHold(t, l, d.snapshot())
		}
	}
	q.end()
}

// Content that is to be held for two batches is stored twice, and answered twice: each will be decided, and what
// was decided may be forgotten.
func TestEachHoldIsStored(t *testing.T) {
	n, logs := three(t)
	var b blobstore.Batch
	text := []byte(`{"same":"again"}`)
	b.Add(text, blobstore.Sum(text), nil)
	payload := slices.Concat(b.Manifest(), b.Content())
	var answers atomic.Int32
	n.mu.Lock()
	n.spoil = func(from, to uint64, kind byte, payload []byte) []byte {
		if d, err := order.ReadHeld(payload); from == 1 && to == 2 && order.MessageKind(kind) == order.MessageHeld && err == nil && d == b.Digest() {
			answers.Add(1)
		}
		return payload
	}
	n.mu.Unlock()
	for range 3 {
		logs[1].Receive(2, byte(order.MessageHold), payload)
	}
	until(t, "answers", func() bool { return answers.Load() == 3 })
	files := logs[1].files.(*fs.Mem)
	after := files.Crash(rand.New(rand.NewPCG(1, 1)))
	closeAll(t, logs)
	store, _, err := segment.Open(after, segment.Options{Size: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	stored := 0
	err = store.Scan(segment.Position{}, func(_ segment.Position, kind segment.Kind, got []byte) error {
		if kind == segment.KindContent && bytes.Equal(got, payload) {
			stored++
		}
		return nil
	})
	if err != nil || stored != 3 {
		t.Errorf("stored %d times, %v", stored, err)
	}
}

// Three nodes become five, and three again, while appends go on: nothing is lost, and all content is in the end on all
// of the three that stay.
func TestFromThreeToFiveAndBack(t *testing.T) {
	n, logs := three(t)
	q := &quintet{n, t, logs, map[uint64]*fs.Mem{}, map[uint64]string{}, rand.New(rand.NewPCG(7, 7))}
	var sites []*site
	for id, l := range logs {
		s := &site{id: id, log: l, ledger: newLedger()}
		s.ledger.life = int(id)
		sites = append(sites, s)
		s.load(rand.New(rand.NewPCG(id, 7)))
	}
	head := func() uint64 { return logs[1].HeadOf("main") }
	goOn := func() {
		from := head()
		until(t, "appends", func() bool { return head() > from+100 })
	}
	goOn()
	for id := uint64(4); id <= 5; id++ {
		q.logs[id] = n.start(t, id, fs.Memory(), filepath.Join(t.TempDir(), "db"))
		n.admit(t, id)
		goOn()
	}
	until(t, "five to vote", func() bool { return n.voters(logs[1]) == 5 })
	goOn()
	apart := 0
	for _, ids := range q.shelves(nil) {
		if len(ids) < 5 {
			apart++
		}
	}
	if apart == 0 {
		t.Error("all five have all content")
	}
	for id := uint64(4); id <= 5; id++ {
		until(t, "a node to leave", func() bool {
			s, _ := logs[1].Standing()
			if l := logs[s.Leader]; l != nil && s.Members.Has(id) {
				_ = l.Dismiss(t.Context(), id) // it is tried again
			}
			return !s.Members.Has(id) && !s.Members.Joint()
		})
		goOn()
	}
	for _, s := range sites {
		s.rest()
		until(t, "answers", s.ledger.answered)
		if reasons := s.ledger.reasons(); len(reasons) > 0 {
			t.Errorf("refused %v", reasons)
		}
	}
	for id := uint64(4); id <= 5; id++ {
		if err := logs[id].Close(); err != nil {
			t.Error(err)
		}
		delete(logs, id)
	}
	q.upToDate()
	q.lieAt(nil, 3)
	for _, l := range logs {
		for _, s := range sites {
			mustHold(t, l, s.ledger.snapshot())
		}
	}
	closeAll(t, logs)
}

// Where all three replicas are asked for and an owner is silent, the next node on the ring takes its replica.
func TestNextNodeTakesTheReplicaOfASilentOne(t *testing.T) {
	q := newQuintet(t, func(*Options) {})
	q.set(order.Placement{Replicas: 3, Commit: order.CommitAll})
	before := q.heads()
	q.isolate(5, true)
	until(t, "another to lead", func() bool { s, _ := q.logs[1].Standing(); return s.Serving && s.Leader != 5 })
	d := q.append(1, 60)
	if reasons := d.reasons(); len(reasons) > 0 {
		t.Errorf("refused %v", reasons)
	}
	q.upToDate(5)
	q.lieAt(before, 3, 5)
	q.isolate(5, false)
	q.upToDate()
	mustHold(t, q.logs[5], d.snapshot())
	q.end()
}

// Where too few nodes take the content, appends are refused before anything is ordered; when they do
// again, the next ones are not.
func TestTooFewReplicas(t *testing.T) {
	q := newQuintet(t, func(o *Options) { o.Member.Quorum = time.Second })
	q.set(order.Placement{Replicas: 3, Commit: order.CommitAll})
	q.mu.Lock()
	q.spoil = func(_, to uint64, kind byte, payload []byte) []byte {
		if order.MessageKind(kind) == order.MessageHold && to > 2 {
			return nil // which is no content
		}
		return payload
	}
	q.mu.Unlock()
	before := q.heads()
	d := q.append(1, 3)
	for _, reason := range d.reasons() {
		if reason != protocol.ErrorNoQuorum {
			t.Errorf("refused with %q", reason)
		}
	}
	if acked := d.snapshot(); len(acked) > 0 || len(d.reasons()) == 0 {
		t.Errorf("acknowledged %v, refused %v", acked, d.reasons())
	}
	q.upToDate()
	for log, head := range q.heads() {
		if head != before[log] {
			t.Errorf("log %d has head %d after %d: what was refused was ordered", log, head, before[log])
		}
	}
	q.mu.Lock()
	q.spoil = nil
	q.mu.Unlock()
	if d := q.append(1, 3); len(d.reasons()) > 0 {
		t.Errorf("refused %v", d.reasons())
	}
	q.lieAt(before, 3)
	q.end()
}
