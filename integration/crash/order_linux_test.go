package crash

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/proof"
	"github.com/ringlog/ringlog/integration/server"
)

const tracedClients = 4

// traced runs appends against a server under strace and says what the trace shows.
func traced(t *testing.T, binary string, n int) *order {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatalf("%v: integration/scripts/install installs it", err)
	}
	r := newRun(t, proof.Seed(t), map[string]string{"SEGMENT": "64KiB"})
	trace := filepath.Join(r.server.Dir, "trace")
	r.server.Bin = binary
	r.server.Wrap = func(cmd *exec.Cmd) {
		strace, _ := exec.LookPath("strace")
		cmd.Args = append([]string{"strace", "-D", "-f", "-y", "-s", "4000000", "-o", trace,
			"-e", "trace=pwrite64,fdatasync,write", "--", cmd.Path}, cmd.Args[1:]...)
		cmd.Path = strace
	}
	r.must(r.server.TryStart())
	var all sync.WaitGroup
	failures := make(chan error, tracedClients)
	for c := range uint32(tracedClients) {
		all.Go(func() { failures <- r.appendNamed(c+1, n/tracedClients) })
	}
	all.Wait()
	for range tracedClients {
		r.must(<-failures)
	}
	r.must(r.server.TryStop())
	f, err := os.Open(trace)
	r.must(err)
	defer f.Close()
	events, err := readTrace(f)
	r.must(err)
	return checkOrder(events)
}

// appendNamed appends n entries in flights, with ids that a trace can be searched for.
func (r *run) appendNamed(client uint32, n int) error {
	conn, err := load.At(r.server.Addr).Connect(r.t.Context())
	if err != nil {
		return err
	}
	defer conn.Close()
	random := rand.New(rand.NewPCG(r.ledger.Seed, uint64(client)))
	answers := bufio.NewReader(conn)
	for next := 1; next <= n; {
		var flight []byte
		first := next
		for most := min(n, next+random.IntN(8)); next <= most; next++ {
			op := ledger.Op{Client: client, N: uint32(next)}
			flight = fmt.Appendf(flight, `{"id":"%d/%d","entry":`, op.Client, op.N)
			flight = append(ledger.AppendEntry(flight, r.ledger.Seed, op), "}\n"...)
		}
		if _, err := conn.Write(flight); err != nil {
			return err
		}
		for range next - first {
			if _, err := answers.ReadSlice('\n'); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestOrderOfCalls: no answer is sent before the flush of its batch has ended; one flush a batch.
func TestOrderOfCalls(t *testing.T) {
	o := traced(t, "", flushes.Times(t))
	for _, wrong := range o.wrong {
		t.Error(wrong)
	}
	if o.answers != flushes.Times(t) || o.batches == 0 {
		t.Errorf("the trace shows %+v", *o)
	}
	proof.Report(t, flushes, o.answers, "0 early answers; %d batches, %d flushes", o.batches, o.flushes)
}

// TestOrderFindsALyingBuild sees the order of calls fail.
func TestOrderFindsALyingBuild(t *testing.T) {
	o := traced(t, server.Lying(t), 100)
	if o.answers != 100 || len(o.wrong) < o.answers {
		t.Fatalf("a build that flushes nothing was not caught: %+v", o)
	}
	proof.Note(flushes.Promises, "100 appends to a build without flushes", fmt.Sprintf("caught: %s", o.wrong[0]), "")
}
