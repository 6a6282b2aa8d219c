package logserver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/order"
)

// site is a node of a test with what outlives its crashes.
type site struct {
	id     uint64
	log    *Log
	disk   *fs.Mem
	db     string
	old    []byte // an earlier index
	ledger *ledger
	total  map[string]map[uint64]string // acknowledged in earlier lives
	hook   atomic.Pointer[func(fs.Op) error]
	stop   chan struct{}
	done   sync.WaitGroup
}

// load appends until the site is stopped.
func (s *site) load(r *rand.Rand) {
	s.stop = make(chan struct{})
	stop, l, d := s.stop, s.log, s.ledger
	s.done.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if d.append(l, r, i); i%3 == 0 {
				d.appendSame(l, i)
			}
			for !d.answeredUpTo(20) {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
	})
}

// appendSame appends what other nodes append, too.
func (d *ledger) appendSame(l *Log, i int) {
	text := fmt.Sprintf(`{"same":%d}`, i%8)
	d.mu.Lock()
	d.asked = append(d.asked, []string{"main", text})
	d.mu.Unlock()
	l.submit(d, []submission{{
		Append:  order.Append{Log: []byte("main"), Entries: 1},
		entries: []entry{{[]byte(text), blobstore.Sum([]byte(text))}}, size: len(text),
	}})
}

func (s *site) rest() {
	close(s.stop)
	s.done.Wait()
}

// answeredUpTo tells whether no more than n appends wait for their fate.
func (d *ledger) answeredUpTo(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked)-d.done <= n
}

// crash cuts the power of a site at some operation of its disk, and starts it again.
func (n *lan) crash(t *testing.T, s *site, r *rand.Rand) {
	t.Helper()
	var after *fs.Mem
	var acked map[string]map[uint64]string
	var mu sync.Mutex
	happened := make(chan struct{})
	left := 1 + r.IntN(40)
	fate := rand.New(rand.NewPCG(r.Uint64(), 0))
	cut := func(op fs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if !op.Kind.Changes() || after != nil {
			return nil
		}
		if left--; left == 0 {
			n.mu.Lock()
			n.dead[s.id] = true
			n.mu.Unlock()
			acked = s.ledger.snapshot()
			after = s.disk.Crash(fate)
			close(happened)
		}
		return nil
	}
	s.hook.Store(&cut)
	select {
	case <-happened:
	case <-time.After(3 * time.Second): // nothing is written: there is no quorum
		s.hook.Store(nil)
		mu.Lock()
		none := after == nil
		mu.Unlock()
		if none {
			return
		}
	}
	s.hook.Store(nil)
	s.log.fail(errors.New("the power has failed"))
	_ = s.log.Close()
	s.rest()
	s.keep(acked)
	s.harmIndex(t, r)
	s.disk = after
	n.begin(t, s)
	s.load(rand.New(rand.NewPCG(r.Uint64(), 0)))
}

// harmIndex loses the index, or puts an earlier one back, or remembers it for that, or leaves it.
func (s *site) harmIndex(t *testing.T, r *rand.Rand) {
	var err error
	switch r.IntN(4) {
	case 0:
		_ = os.Remove(s.db)
	case 1:
		if s.old != nil {
			err = os.WriteFile(s.db, s.old, 0o600)
		}
	case 2:
		s.old, err = os.ReadFile(s.db)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// keep adds to what was acknowledged.
func (s *site) keep(acked map[string]map[uint64]string) {
	for log, entries := range acked {
		if s.total[log] == nil {
			s.total[log] = map[uint64]string{}
		}
		maps.Copy(s.total[log], entries)
	}
}

// begin starts a site with what is on its disk.
func (n *lan) begin(t *testing.T, s *site) {
	life := 0
	if s.ledger != nil {
		life = s.ledger.life + 10
	}
	s.ledger = newLedger()
	s.ledger.life = life
	n.mu.Lock()
	delete(n.dead, s.id)
	n.mu.Unlock()
	s.disk.SetHook(func(op fs.Op) error {
		if hook := s.hook.Load(); hook != nil {
			return (*hook)(op)
		}
		return nil
	})
	s.log = n.startWith(t, s.id, s.disk, s.db, func(o *Options) { o.Segment = 64 << 10 })
}

// Power cuts and partitions of three nodes lose nothing that was acknowledged, and all
// nodes come to the same.
func TestFaultsOfThreeNodesLoseNothing(t *testing.T) { faultsLoseNothing(t, 3) }

// The same of five, each of which has the content of three fifths of the batches.
func TestFaultsOfFiveNodesLoseNothing(t *testing.T) { faultsLoseNothing(t, 5) }

func faultsLoseNothing(t *testing.T, nodes int) {
	faults := 6
	if n, err := strconv.Atoi(os.Getenv("RINGLOG_FAULTS")); err == nil {
		faults = n
	}
	seed := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("RINGLOG_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("RINGLOG_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	n, sites := newLAN(t), []*site{}
	for id := range uint64(nodes) {
		id++
		s := &site{id: id, disk: fs.Memory(), db: filepath.Join(t.TempDir(), "db"), total: map[string]map[uint64]string{}}
		sites = append(sites, s)
		n.begin(t, s)
		s.ledger.life = int(id)
	}
	until(t, "the founder to serve", func() bool { return n.voters(sites[0].log) == 1 })
	for id := 2; id <= nodes; id++ {
		n.admit(t, uint64(id))
	}
	for _, s := range sites {
		until(t, "all to vote", func() bool { return n.voters(s.log) == nodes })
		s.load(rand.New(rand.NewPCG(r.Uint64(), 0)))
	}
	for range faults {
		s := sites[r.IntN(nodes)]
		switch r.IntN(4) {
		case 0:
			other := sites[r.IntN(nodes)]
			n.isolate(other.id, true)
			n.crash(t, s, r)
			n.isolate(other.id, false)
		case 1:
			n.isolate(s.id, true)
			time.Sleep(time.Duration(r.IntN(1500)) * time.Millisecond) // the fault's length
			n.isolate(s.id, false)
		default:
			n.crash(t, s, r)
		}
	}
	for _, s := range sites {
		s.rest()
	}
	for _, s := range sites {
		n.upToDate(t, s, sites)
		s.keep(s.ledger.snapshot())
	}
	count := 0
	for _, s := range sites {
		for _, o := range sites {
			total := map[string]map[uint64]string{}
			for log, entries := range o.total {
				total[log] = maps.Clone(entries)
				count += len(entries)
			}
			mustHold(t, s.log, total)
		}
	}
	t.Logf("%d acknowledged entries at %d nodes", count/nodes, nodes)
	for _, s := range sites {
		if err := s.log.Close(); err != nil {
			t.Error(err)
		}
		s.disk.SetHook(nil)
		if report, err := check.Data(check.Options{Files: s.disk, DB: s.db}); err != nil {
			keep(t, s.disk)
			t.Errorf("node %d: %v (%+v)", s.id, err, report)
		}
	}
	if count == 0 {
		t.Error("nothing was acknowledged")
	}
}

// upToDate waits until a site has the newest, or tells how all of them stand.
func (n *lan) upToDate(t *testing.T, s *site, sites []*site) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); s.log.Newest(context.Background()) != nil; {
		if time.Now().Before(deadline) {
			continue
		}
		for _, s := range sites {
			standing, _ := s.log.Standing()
			t.Logf("node %d: %+v, failed: %v", s.id, standing, s.log.Err())
		}
		t.Fatalf("node %d is not up to date", s.id)
	}
}

// isolate cuts a node off, or no more.
func (n *lan) isolate(id uint64, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for other := range n.nodes {
		n.cut[[2]uint64{id, other}], n.cut[[2]uint64{other, id}] = cut, cut
	}
}
