package crash

import (
	"bytes"
	"errors"
	"github.com/ringlog/ringlog/integration/proof"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// TestKillBetweenWriteAndFlush: a server is killed when it has written a batch and not yet flushed it.
// The next one finds the batch, in the page cache only, and confirms it to those who send it again;
// then the power is cut. What it confirmed must be there.
func TestKillBetweenWriteAndFlush(t *testing.T) {
	if err := canMount(); err != nil {
		proof.Unproven(t, gaps, err.Error())
	}
	if err := canWatch(); err != nil {
		proof.Unproven(t, gaps, err.Error())
	}
	s := newSeries(t, gaps)
	kept := 0
	try := func(i int) {
		r, d := onDisk(t, s.seed(), diskSize, journals[i%len(journals)], map[string]string{"SEGMENT": "1MiB"})
		r.must(r.gap(d))
		r.must(r.finish())
		r.must(d.unmount())
		kept += r.keptBatches()
		s.add(r)
		s.tried++
	}
	for i := range gaps.Tries(t) {
		try(i)
	}
	for i := 0; kept == 0 && i < 10; i++ { // one kill may hit a file that has just begun
		try(i)
	}
	if kept == 0 {
		t.Error("no recovery kept a batch from the page cache")
	}
	s.report()
}

// gap is one such kill and the power cut after it.
func (r *run) gap(d *disk) error {
	var between atomic.Bool
	batches := 20 + r.random.IntN(300)
	w := &watch{dir: d.path, handle: func(c call) verdict {
		if c.file != "segment" {
			return verdict{}
		}
		if c.name == "pwrite64" {
			batches--
		}
		kill := c.name == "fdatasync" && batches <= 0
		between.Store(kill)
		return verdict{kill: kill}
	}}
	r.server.Wrap = w.wrap
	if err := r.server.TryStart(); err != nil {
		return err
	}
	r.server.Wrap = nil
	r.begin(writers, tails)
	if err := r.server.Wait(); err == nil || !between.Load() {
		return errNoKill
	}
	if err := w.wait(); err != nil {
		return err
	}
	if err := r.restart(); err != nil {
		return err
	}
	r.load.Settle()
	return r.powerCut(d)
}

var errNoKill = errors.New("the server was not killed between write and flush")

// keptBatches counts the recoveries that found whole batches which were not known to be flushed.
func (r *run) keptBatches() int {
	log, err := os.ReadFile(filepath.Join(r.server.Dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return bytes.Count(log, []byte(`"kept_batches":`)) - bytes.Count(log, []byte(`"kept_batches":0`))
}
