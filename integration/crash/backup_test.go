package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/proof"
	"github.com/ringlog/ringlog/integration/server"
)

// TestBackup: a backup of a loaded server has everything that was acknowledged before it began, whether
// backups before it were broken off and the server killed or not; restored and served, all
// of it is as the ledger says. With GROW=MB the data has that size before the first one.
func TestBackup(t *testing.T) {
	s := newSeries(t, backups)
	segment := "1MiB"
	if size := proof.Number(t, "GROW", 0); size > 0 {
		segment = "256MiB"
	}
	r := newRun(t, s.seed(), map[string]string{"SEGMENT": segment})
	r.must(r.server.TryStart())
	directory := filepath.Join(r.server.Dir, "backup")
	for i := range backups.Tries(t) {
		s.tried++
		// A load of its own for each: while what was restored is checked, nothing grows.
		r.load = load.Start(t.Context(), r.ledger, load.At(r.server.Addr), uint32(i*writers), writers, tails)
		t.Cleanup(r.load.Cut)
		r.grow(int64(proof.Number(t, "GROW", 0)) << 20)
		r.pause(50*time.Millisecond, 300*time.Millisecond)
		if r.random.IntN(2) == 0 {
			r.breakOff(directory)
		}
		if r.random.IntN(3) == 0 {
			r.must(r.kill())
			if r.random.IntN(2) == 0 {
				r.backUp(directory) // which then holds what the next start will find
			}
			r.must(r.restart())
		}
		acknowledged := r.ledger.Head()
		r.backUp(directory)
		r.load.Finish()
		s.addLoad(r.load)
		r.must(r.restored(directory, acknowledged))
	}
	r.backUp(directory)
	r.must(r.restored(directory, r.ledger.Head()))
	r.must(r.whole())
	r.must(r.server.TryStop())
	s.addLedger(r)
	s.report()
}

// grow waits until the load has made the data so large.
func (r *run) grow(size int64) {
	for dataSize(filepath.Join(r.server.Dir, "blobs")) < size {
		r.must(r.server.Alive())
		r.pause(100*time.Millisecond, 200*time.Millisecond)
	}
}

func dataSize(dir string) (size int64) {
	names, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return size
}

func (r *run) backUp(directory string) {
	r.t.Helper()
	var result struct {
		Bytes   int64   `json:"bytes_written"`
		Written int     `json:"files_written"`
		Took    float64 `json:"seconds"`
	}
	before, _, _ := r.ledger.Counts()
	if err := json.Unmarshal(r.server.Run("backup", directory, "--json"), &result); err != nil {
		r.t.Fatal(err)
	}
	after, _, _ := r.ledger.Counts()
	r.t.Logf("%d bytes of %d segments in %.3f s, %.0f MB/s, while %d appends were sent", result.Bytes, result.Written, result.Took,
		float64(result.Bytes)/1e6/result.Took, after-before)
}

// breakOff begins a backup and kills it.
func (r *run) breakOff(directory string) {
	r.t.Helper()
	cmd := exec.Command(server.Binary(r.t), "backup", directory)
	cmd.Env = append(os.Environ(), r.server.Env()...)
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.pause(0, 20*time.Millisecond)
	_ = cmd.Process.Kill() // it may have ended
	_ = cmd.Wait()
}

// restored restores a backup, has it verified, serves it, and checks all that it has against the ledger.
func (r *run) restored(directory string, acknowledged uint64) error {
	began := time.Now()
	other := server.New(r.t, server.Dir(r.t), nil)
	defer os.RemoveAll(other.Dir)
	other.Run("restore", directory)
	took := time.Since(began)
	other.Run("verify")
	if err := other.TryStart(); err != nil {
		return err
	}
	defer other.End()
	entries, failure := load.History(r.t.Context(), load.At(other.Addr), 1, 0)
	next := r.ledger.Read(1, entries)
	if err := failure(); err != nil {
		return fmt.Errorf("read what was restored: %w", err)
	}
	if next <= acknowledged {
		return fmt.Errorf("the backup ends at %d, %d was acknowledged before it began", next-1, acknowledged)
	}
	r.t.Logf("%d entries restored and verified in %v", next-1, took.Round(time.Millisecond))
	return r.verdict()
}
