package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/ringlog/ringlog/integration/ledger"
)

// A tail reads live, breaks off at random or with the server, and resumes after the last entry that
// it saw; now and then it begins somewhere else.
type tail struct {
	ledger  *ledger.Ledger
	dial    Dialer
	random  *rand.Rand
	next    uint64
	resumed int
	power   *atomic.Uint64 // odd while it is off: a server without a disk has entries that are unavailable
}

func newTail(l *ledger.Ledger, dial Dialer, n uint64, power *atomic.Uint64) *tail {
	return &tail{ledger: l, power: power, dial: dial, random: rand.New(rand.NewPCG(l.Seed, 1000+n)), next: 1}
}

// run reads until ctx ends.
func (t *tail) run(ctx context.Context) {
	for ctx.Err() == nil {
		if t.random.IntN(10) == 0 {
			t.next = 1 + t.random.Uint64N(t.ledger.Head()+1)
		}
		t.read(ctx, 1+t.random.IntN(50_000))
		t.resumed++
	}
}

// read takes at most n entries of one connection.
func (t *tail) read(ctx context.Context, n int) {
	conn, err := t.dial.Connect(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "{\"from\":%d}\n", t.next); err != nil {
		return
	}
	current, power := 0, t.power.Load()
	for line, err := range Lines(conn) {
		if err != nil {
			return
		}
		a, err := Parse(line)
		switch {
		case err == nil && a.Error == "entry unavailable" && (power%2 == 1 || t.power.Load() != power):
			return
		case err != nil || a.Error != "":
			t.ledger.Violate(ledger.Protocol, "tail: %.200q", line)
			return
		case a.Current:
			if current++; current > 1 {
				t.ledger.Violate(ledger.Protocol, "tail: current twice")
			}
			continue
		case a.Index != t.next:
			t.ledger.Violate(ledger.Gap, "tail: index %d came where %d was due", a.Index, t.next)
			return
		}
		t.ledger.Observe(a.Index, a.Entry)
		t.next++
		if n--; n == 0 {
			return
		}
	}
}
