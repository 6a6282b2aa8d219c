package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/server"
)

const (
	writers = 8
	tails   = 3
	around  = 10_000 // entries before and after a fault that are read at once; all are at the end
)

// run is a server, its load, and the ledger of both. What it finds wrong it returns, so that a test
// can also want something to be found.
type run struct {
	t      *testing.T
	server *server.Server
	ledger *ledger.Ledger
	random *rand.Rand
	load   *load.Load
}

// newRun prepares a run in a directory of its own; nothing is started.
func newRun(t *testing.T, seed uint64, env map[string]string) *run {
	return &run{t: t, ledger: ledger.New(seed), random: rand.New(rand.NewPCG(seed, 0)),
		server: server.New(t, server.Dir(t), env)}
}

// begin starts the load.
func (r *run) begin(writers, tails int) {
	r.load = load.Start(r.t.Context(), r.ledger, load.At(r.server.Addr), 1, writers, tails)
	r.t.Cleanup(r.load.Cut)
}

// pause is part of the load, not a wait for something: it decides when the next fault comes.
func (r *run) pause(least, most time.Duration) {
	time.Sleep(least + time.Duration(r.random.Int64N(int64(most-least))))
}

// restart starts the server after a fault and checks what it has, while the load goes on.
func (r *run) restart() error {
	acknowledged := r.ledger.Head()
	if err := r.server.TryStart(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), server.Patience)
	defer cancel()
	if head, err := load.Head(ctx, load.At(r.server.Addr)); err != nil || head < acknowledged {
		return fmt.Errorf("head is %d (%w) after the restart, %d was acknowledged before", head, err, acknowledged)
	}
	from := max(acknowledged, around) - around + 1
	entries, failure := load.History(r.t.Context(), load.At(r.server.Addr), from, 2*around)
	r.ledger.Read(from, entries)
	if err := failure(); err != nil {
		return fmt.Errorf("read after the restart: %w", err)
	}
	return r.verdict()
}

// finish ends the load, stops the server in order, checks the whole log, once more after the index
// was lost, and has the data verified.
func (r *run) finish() error {
	r.load.Finish()
	if err := r.whole(); err != nil {
		return err
	}
	if err := r.server.TryStop(); err != nil {
		return fmt.Errorf("an ordered stop: %w", err)
	}
	r.server.Run("verify")
	for _, variable := range r.server.Env() {
		if index, ok := strings.CutPrefix(variable, "DB="); ok {
			if err := os.Remove(index); err != nil {
				return err
			}
		}
	}
	if err := r.server.TryStart(); err != nil {
		return err
	}
	if err := r.whole(); err != nil {
		return err
	}
	return r.server.TryStop()
}

// whole checks all of the log.
func (r *run) whole() error {
	entries, failure := load.History(r.t.Context(), load.At(r.server.Addr), 1, 0)
	r.ledger.Check(entries)
	if err := failure(); err != nil {
		return fmt.Errorf("read the whole log: %w", err)
	}
	return r.verdict()
}

// verdict is nil, or all violations so far.
func (r *run) verdict() error {
	found, total := r.ledger.Violations()
	if len(found) == 0 {
		return nil
	}
	var text strings.Builder
	for _, v := range found {
		fmt.Fprintf(&text, "\n\t%v", v)
	}
	return fmt.Errorf("violations: %v%s", total, text.String())
}

// must ends the test at an error.
func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("SEED=%d: %v", r.ledger.Seed, err)
	}
}

// kill kills the server; what it had written stays in the page cache. The error is that of one that
// ended before.
func (r *run) kill() error {
	if r.server.Alive() != nil {
		return r.server.Wait()
	}
	r.server.Kill()
	return nil
}
