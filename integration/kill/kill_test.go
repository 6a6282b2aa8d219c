package kill

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/server"
)

const (
	writers = 8
	tails   = 3
	overlap = 10_000 // entries that a check after a restart reads again
)

// TestKill: nothing acknowledged is lost, doubled, reordered or altered, however often the server is
// killed.
func TestKill(t *testing.T) {
	kills := setting(t, "KILLS", 5)
	seed := setting(t, "SEED", uint64(time.Now().UnixNano())%1_000_000)
	t.Logf("SEED=%d KILLS=%d", seed, kills)
	r := newRun(t, seed)
	r.load()
	for range kills {
		r.kill()
	}
	r.finish()
}

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// run is one run of the loop: a server, its load, and the ledger of both.
type run struct {
	t       *testing.T
	ctx     context.Context
	server  *server.Server
	ledger  *ledger.Ledger
	random  *rand.Rand
	checked uint64 // everything below was read and checked

	stopReaders context.CancelFunc
	stopWriters chan struct{}
	readers     sync.WaitGroup
	appending   sync.WaitGroup
	writers     []*writer
	tails       []*tail
}

func newRun(t *testing.T, seed uint64) *run {
	r := &run{t: t, ctx: t.Context(), ledger: ledger.New(seed), random: rand.New(rand.NewPCG(seed, 0)),
		checked: 1, stopWriters: make(chan struct{})}
	// Small segments: every few kills fall into the making of a file.
	r.server = server.New(t, server.Dir(t), map[string]string{"SEGMENT": "16MiB"})
	r.server.Start()
	return r
}

// load starts writers and tails; they go on over kills.
func (r *run) load() {
	ctx, cancel := context.WithCancel(r.ctx)
	r.stopReaders = cancel
	for i := range writers {
		w := newWriter(r.ledger, r.server.Addr, uint32(i+1))
		r.writers = append(r.writers, w)
		r.appending.Go(func() { w.run(r.ctx, r.stopWriters) })
		r.readers.Go(func() { w.repeat(ctx) })
	}
	for i := range tails {
		tail := newTail(r.ledger, r.server.Addr, uint64(i))
		r.tails = append(r.tails, tail)
		r.readers.Go(func() { tail.run(ctx) })
	}
}

// kill lets the load run for a while, kills the server, sometimes once more while it starts, and
// checks what the next one has.
func (r *run) kill() {
	r.pause(50*time.Millisecond, 800*time.Millisecond)
	if err := r.server.Alive(); err != nil {
		r.fail("%v", err)
	}
	acknowledged := r.ledger.Head()
	r.server.Kill()
	if r.random.IntN(4) == 0 {
		r.server.Launch()
		r.pause(0, 60*time.Millisecond)
		r.server.Kill()
	}
	r.server.Start()
	if head, err := head(r.ctx, r.server.Addr); err != nil || head < acknowledged {
		r.fail("head is %d (%v) after the restart, %d was acknowledged before the kill", head, err, acknowledged)
	}
	r.check()
}

// pause is part of the load, not a wait for something: it decides when the server is killed.
func (r *run) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(r.random.Int64N(int64(most-least))))
}

// check reads what is new, while the load goes on.
func (r *run) check() {
	from := max(r.checked, overlap+1) - overlap
	entries, failure := history(r.ctx, r.server.Addr, from)
	r.checked = r.ledger.Read(from, entries)
	if err := failure(); err != nil {
		r.fail("read after the restart: %v", err)
	}
	r.verdict()
}

// finish ends the load, stops the server in order, checks the whole log, once more after the index
// was lost, and has the data verified.
func (r *run) finish() {
	close(r.stopWriters)
	r.appending.Wait()
	r.stopReaders()
	r.readers.Wait()
	r.whole()
	r.server.Stop()
	r.server.Run("verify")
	for _, index := range []string{"db", "db-wal", "db.lock"} {
		_ = os.Remove(filepath.Join(r.server.Dir, index)) // what there is of it
	}
	r.server.Start()
	r.whole()
	r.server.Stop()
	r.report()
}

func (r *run) whole() {
	entries, failure := history(r.ctx, r.server.Addr, 1)
	r.ledger.Check(entries)
	if err := failure(); err != nil {
		r.fail("reading the whole log: %v", err)
	}
	r.verdict()
}

func (r *run) verdict() {
	found, total := r.ledger.Violations()
	if len(found) == 0 {
		return
	}
	for _, v := range found {
		r.t.Error(v)
	}
	r.fail("violations: %v", total)
}

// fail ends the run; the load is ended with the context.
func (r *run) fail(format string, args ...any) {
	r.t.Helper()
	r.t.Logf("SEED=%d", r.ledger.Seed)
	r.t.Fatalf(format, args...)
}

func (r *run) report() {
	sent, confirmed := r.ledger.Counts()
	reconnects, resent, resumed := 0, 0, 0
	for _, w := range r.writers {
		reconnects += w.resumed
		resent += w.resent
	}
	for _, tail := range r.tails {
		resumed += tail.resumed
	}
	r.t.Logf("%d sent, %d confirmed, %d sent again; writers connected again %d times, tails resumed %d times; "+
		"0 lost, doubled, reordered, altered", sent, confirmed, resent, reconnects, resumed)
	if sent != confirmed || resent == 0 || resumed == 0 {
		r.t.Errorf("the load did not do what it should")
	}
}
