package index

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// simpleRow is a row that tells by itself whether it is right.
func simpleRow(log uint32, n uint64) Row {
	return Row{
		Log: log, First: n*3 + 1, Count: 3, Time: int64(n),
		Place: blobstore.Place{Segment: uint64(log), Offset: int64(n), Length: uint32(n)},
	}
}

// Readers see every row that was added before, whatever Add, Flush and Discard do.
func TestConcurrentReaders(t *testing.T) {
	const logs, rounds = 3, 1500
	x := mustOpen(t, filepath.Join(t.TempDir(), "index.db"), Options{})
	var added atomic.Uint64
	var wg sync.WaitGroup
	failures := make(chan error, 16)
	for log := uint32(1); log <= logs; log++ {
		wg.Go(func() {
			if err := readWhile(x, log, &added, rounds); err != nil {
				failures <- err
			}
		})
	}
	wg.Go(func() {
		for added.Load() < rounds {
			if err := x.Flush(checkpoint(added.Load())); err != nil {
				failures <- err
				return
			}
		}
	})
	rows := make([]Row, 0, logs)
	for n := range uint64(rounds) {
		rows = rows[:0]
		for log := uint32(1); log <= logs; log++ {
			rows = append(rows, simpleRow(log, n))
		}
		x.Add(n+1, rows)
		added.Store(n + 1)
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
}

func readWhile(x *Index, log uint32, added *atomic.Uint64, rounds uint64) error {
	var dst []Row
	for n := uint64(0); ; n = (n + 97) % max(added.Load(), 1) {
		have := added.Load()
		var err error
		if dst, err = x.Range(log, n*3+1, dst[:0], 50); err != nil {
			return err
		}
		for i, r := range dst {
			if r != simpleRow(log, n+uint64(i)) {
				return fmt.Errorf("row %d+%d of log %d is %v", n, i, log, r)
			}
		}
		if n < have && uint64(len(dst)) < min(have-n, 50) {
			return fmt.Errorf("%d rows from %d on, of %d", len(dst), n, have)
		}
		if first, ok, err := x.AtTime(log, int64(n)); err != nil || n < have && (!ok || first != n*3+1) {
			return fmt.Errorf("AtTime %d is %d, %v, %v", n, first, ok, err)
		}
		if have == rounds {
			return nil
		}
	}
}
