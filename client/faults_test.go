package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/logserver"
)

// number is that of an environment variable, or def.
func number(t *testing.T, name string, def uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return def
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// openLog opens a log in memory and has so many servers serve it: what a
// cluster is, to its clients.
func openLog(t *testing.T, servers int) []*running {
	l, err := logserver.Open(logserver.Options{Blobs: logserver.InMemory})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*running, servers)
	for i := range all {
		all[i] = run(t, l)
	}
	t.Cleanup(func() {
		for _, r := range all {
			r.stop()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return all
}

// running is a server that runs.
type running struct {
	addr   string
	server *logserver.Server
	ended  chan struct{}
}

func run(t *testing.T, l *logserver.Log) *running {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{listener.Addr().String(), logserver.NewServer(l, logserver.ServerOptions{StopTimeout: 20 * time.Millisecond}), make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.server.Serve(listener)
	}()
	return r
}

func (r *running) stop() {
	r.server.Shutdown(context.Background())
	<-r.ended
}

// fact is an entry of these tests: the n-th of a writer.
type fact struct {
	Writer int    `json:"w"`
	N      int    `json:"n"`
	Pad    string `json:"pad"`
}

func (f fact) text() []byte {
	text, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return text
}

// ledger is what was confirmed, by writer: the n-th entry's index.
type ledger struct {
	t  *testing.T
	mu sync.Mutex // guards the following
	at [][]uint64
}

func (g *ledger) confirm(writer, n int, index uint64, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.t.Errorf("writer %d, entry %d: %v", writer, n, err)
	}
	for len(g.at[writer]) <= n {
		g.at[writer] = append(g.at[writer], 0)
	}
	if g.at[writer][n] != 0 {
		g.t.Errorf("writer %d, entry %d was told twice", writer, n)
	}
	g.at[writer][n] = index
}

// faults tells in what the log is not what was confirmed: all of it, each entry
// once, at its index, in each writer's order.
func (g *ledger) faults(log [][]byte) (all []string) {
	fault := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	next := make([]int, len(g.at))
	for i, text := range log {
		var f fact
		if err := json.Unmarshal(text, &f); err != nil || string(f.text()) != string(text) {
			fault("entry %d is %.80q: %v", i+1, text, err)
			continue
		}
		if f.N != next[f.Writer] {
			fault("entry %d is number %d of writer %d, want %d: lost, doubled or out of order", i+1, f.N, f.Writer, next[f.Writer])
		}
		next[f.Writer] = f.N + 1
		if told := g.at[f.Writer]; f.N >= len(told) || told[f.N] != uint64(i)+1 {
			fault("entry %d, number %d of writer %d, was not confirmed there", i+1, f.N, f.Writer)
		}
	}
	for w, told := range g.at {
		if next[w] != len(told) {
			fault("writer %d: %d were confirmed, %d are there", w, len(told), next[w])
		}
	}
	return all
}

// The ledger finds what is lost, doubled, swapped, altered, or confirmed at
// another index.
func TestLedgerFindsFaults(t *testing.T) {
	sound := func() (*ledger, [][]byte) {
		g := &ledger{t: t, at: make([][]uint64, 2)}
		var log [][]byte
		for i := range 10 {
			f := fact{i % 2, i / 2, "x"}
			log = append(log, f.text())
			g.confirm(f.Writer, f.N, uint64(i)+1, nil)
		}
		return g, log
	}
	g, log := sound()
	if all := g.faults(log); len(all) > 0 {
		t.Errorf("sound, but %q", all)
	}
	for name, spoil := range map[string]func(g *ledger, log [][]byte) [][]byte{
		"lost":           func(_ *ledger, log [][]byte) [][]byte { return slices.Delete(log, 3, 4) },
		"the last lost":  func(_ *ledger, log [][]byte) [][]byte { return log[:9] },
		"doubled":        func(_ *ledger, log [][]byte) [][]byte { return slices.Insert(log, 3, log[3]) },
		"the last twice": func(_ *ledger, log [][]byte) [][]byte { return append(log, log[9]) },
		"swapped":        func(_ *ledger, log [][]byte) [][]byte { log[2], log[4] = log[4], log[2]; return log },
		"altered":        func(_ *ledger, log [][]byte) [][]byte { log[2] = []byte(`{"w": 0,"n":1,"pad":"x"}`); return log },
		"elsewhere":      func(g *ledger, log [][]byte) [][]byte { g.at[0][2]++; return log },
	} {
		g, log := sound()
		if all := g.faults(spoil(g, log)); len(all) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

// impatient are the options of a client under faults: everything is tried
// again, soon and for ever.
func impatient(addrs []string, more ...client.Option) []client.Option {
	return append([]client.Option{
		client.Others(addrs[1:]...), client.BackOff(time.Microsecond, 2*time.Millisecond),
		client.Keep(10_000, -1), client.Timeout(40 * time.Millisecond),
	}, more...)
}

func newClient(t *testing.T, addrs []string, more ...client.Option) *client.Client {
	t.Helper()
	c, err := client.New(addrs[0], impatient(addrs, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// write appends until enough: some one by one, some in batches, most without
// waiting.
func (g *ledger) write(c *client.Client, writer int, rnd *rand.Rand, enough func(n int) bool) {
	window := make(chan struct{}, 1+rnd.IntN(300))
	make1 := func(n int) []byte {
		size := rnd.IntN(100)
		if rnd.IntN(50) == 0 {
			size = rnd.IntN(20_000)
		}
		return fact{writer, n, strings.Repeat("x", size)}.text()
	}
	for n := 0; !enough(n); {
		switch rnd.IntN(20) {
		case 0:
			index, err := c.Append(g.t.Context(), make1(n))
			g.confirm(writer, n, index, err)
			n++
		case 1:
			batch := make([][]byte, 1+rnd.IntN(5))
			for i := range batch {
				batch[i] = make1(n + i)
			}
			index, err := c.AppendBatch(g.t.Context(), batch)
			for i := range batch {
				g.confirm(writer, n+i, index+uint64(i), err)
			}
			n += len(batch)
		default:
			window <- struct{}{}
			number := n
			c.AppendAsync(g.t.Context(), make1(n), client.OnDone(func(index uint64, err error) {
				g.confirm(writer, number, index, err)
				<-window
			}))
			n++
		}
	}
	if err := c.Flush(g.t.Context()); err != nil {
		g.t.Error(err)
	}
}

// endMark is the last entry, at which tails end.
var endMark = []byte(`{"end":true}`)

// tailed reads to the endMark.
func tailed(t *testing.T, c *client.Client, from uint64) (log [][]byte) {
	for e, err := range c.Tail(t.Context(), client.From(from)) {
		if err != nil || e.Index != from+uint64(len(log)) {
			t.Errorf("instead of entry %d: %d, %v", from+uint64(len(log)), e.Index, err)
			return log
		}
		if string(e.Data) == string(endMark) {
			return log
		}
		log = append(log, e.Data)
	}
	return log
}

// underFaults has clients write and tail through doors to servers of one log,
// until all faults have happened, and checks what came of it. meanwhile, if not
// nil, is called again and again.
func underFaults(t *testing.T, to []*running, meanwhile func(d *doors)) {
	faults, seed := int(number(t, "FAULTS", 300)), number(t, "SEED", rand.Uint64N(1<<32))
	t.Logf("SEED=%d FAULTS=%d", seed, faults)
	addrs := []string{to[0].addr, to[len(to)/2].addr, to[len(to)-1].addr}
	d := openDoors(t, seed, faults, addrs...)
	defer d.close()
	const writers, tails = 3, 3
	g := &ledger{t: t, at: make([][]uint64, writers)}
	got := make([][][]byte, tails)
	var writing, tailing sync.WaitGroup
	for w := range writers {
		own := rand.New(rand.NewPCG(seed, uint64(w)+2))
		addrs := d.addrs()
		own.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
		c := newClient(t, addrs)
		defer c.Close()
		writing.Go(func() { g.write(c, w, own, func(n int) bool { return d.left() <= 0 && n > 1000 }) })
		tailing.Go(func() { got[w] = tailed(t, c, uint64(w)*500+1) })
	}
	if meanwhile != nil {
		for d.left() > 0 {
			meanwhile(d)
		}
	}
	writing.Wait()
	log := finish(t, d.addrs())
	tailing.Wait()
	if all := g.faults(log); len(all) > 0 {
		t.Errorf("%d faults: %q", len(all), all[:min(len(all), 10)])
	}
	for i, lines := range got {
		if want := log[i*500:]; !slices.EqualFunc(lines, want, bytes.Equal) {
			t.Errorf("a tail from %d got %d entries, others than the %d that are there", i*500+1, len(lines), len(want))
		}
	}
	t.Logf("%d entries", len(log))
}

// finish appends the endMark and returns the log before it.
func finish(t *testing.T, addrs []string) (log [][]byte) {
	c := newClient(t, addrs)
	defer c.Close()
	if _, err := c.Append(t.Context(), endMark); err != nil {
		t.Error(err)
	}
	return tailed(t, c, 1)
}

// Whatever happens to connections, at whichever of the addresses: nothing that
// was appended is lost, doubled or reordered, and tails miss and repeat nothing.
// FAULTS is how many there are, SEED has the same ones drawn again.
func TestFaultsOfConnections(t *testing.T) {
	underFaults(t, openLog(t, 1), nil)
}

// The same while servers of the log stop in order, one after the other, and
// others begin.
func TestFaultsAndStops(t *testing.T) {
	servers := openLog(t, 3)
	stops := 0
	underFaults(t, servers, func(d *doors) {
		i := stops % len(servers)
		stops++
		d.lead(i, "")
		servers[i].stop()
		servers[i] = run(t, servers[i].server.Log())
		d.lead(i, servers[i].addr)
		d.afterConnections(10)
	})
	t.Logf("%d stops", stops)
}
