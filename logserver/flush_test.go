package logserver

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/protocol"
)

// A batch costs one write and one flush of the segment, and content and order
// share them; its answers come after.
func TestOneFlushABatch(t *testing.T) {
	disk, d := fs.Memory(), newLedger()
	l, err := Open(Options{Files: disk, IndexEvery: time.Hour, IdleAfter: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var writes, flushes, early atomic.Int64
	acked := func() (n int) {
		for _, entries := range d.snapshot() {
			n += len(entries)
		}
		return n
	}
	before := 0
	disk.SetHook(func(op fs.Op) error {
		if !isSegment(op) {
			return nil
		}
		switch op.Kind {
		case fs.OpWriteAt:
			writes.Add(1)
			before = acked()
		case fs.OpSync:
			flushes.Add(1)
			if acked() != before {
				early.Add(1)
			}
		}
		return nil
	})
	const batches = 200
	r := rand.New(rand.NewPCG(1, 2))
	for i := range batches {
		d.append(l, r, i)
	}
	disk.SetHook(nil)
	if w, f, e := writes.Load(), flushes.Load(), early.Load(); w != batches || f != batches || e != 0 {
		t.Errorf("%d writes and %d flushes for %d batches, %d answers before their flush", w, f, batches, e)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, disk, "")
}

// After a write or a flush that failed nothing is confirmed any more, whoever
// waits is told that the outcome is unknown, and a restart finds all that was
// acknowledged.
func TestAFailedFlushStopsTheLog(t *testing.T) {
	for _, kind := range []fs.OpKind{fs.OpWriteAt, fs.OpSync} {
		t.Run(string(kind), func(t *testing.T) {
			disk, d := fs.Memory(), newLedger()
			l, err := Open(Options{Files: disk})
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 20 {
				d.append(l, r, i)
			}
			disk.SetHook(func(op fs.Op) error {
				if op.Kind == kind && isSegment(op) {
					return errDisk
				}
				return nil
			})
			acked := d.snapshot()
			for i := range 3 {
				d.append(l, r, i)
			}
			<-l.Failed()
			disk.SetHook(nil)
			if d.done != len(d.asked) {
				t.Errorf("%d of %d appends were told their fate", d.done, len(d.asked))
			}
			if err := l.Close(); err == nil {
				t.Error("Close should say what failed")
			}
			again, err := Open(Options{Files: disk})
			if err != nil {
				t.Fatal(err)
			}
			mustHold(t, again, acked)
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
			mustCheck(t, disk, "")
		})
	}
}

// On a full disk appends are refused, clearly and without effect; reads go on;
// when there is space, appends do too.
func TestAFullDiskRefusesAppends(t *testing.T) {
	disk, d := fs.Memory(), newLedger()
	var full atomic.Bool
	disk.SetHook(func(op fs.Op) error {
		if full.Load() && (op.Kind == fs.OpAllocate || op.Kind == fs.OpCreate) {
			return fs.ErrNoSpace
		}
		return nil
	})
	l, err := Open(Options{Files: disk, Segment: 64 << 10, IdleAfter: 1})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for cycle := range 5 {
		for i := range 20 {
			d.append(l, r, i)
		}
		full.Store(true)
		before := len(d.reasons())
		for i := 0; len(d.reasons()) == before; i++ {
			d.append(l, r, i)
		}
		acked := d.snapshot()
		for i := range 20 {
			d.append(l, r, i)
		}
		mustHold(t, l, acked)
		full.Store(false)
		if reason := d.reasons()[before]; reason != protocol.ErrorDiskFull {
			t.Fatalf("cycle %d: refused with %q", cycle, reason)
		}
	}
	for i := range 20 {
		d.append(l, r, i)
	}
	mustHold(t, l, d.snapshot())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	mustCheck(t, disk, "")
}

// A disk that hangs fails the log, instead of letting everybody wait for ever.
func TestAStalledDiskFailsTheLog(t *testing.T) {
	disk, d := fs.Memory(), newLedger()
	hang := make(chan struct{})
	var hanging atomic.Bool
	disk.SetHook(func(op fs.Op) error {
		if hanging.Load() && op.Kind == fs.OpSync && isSegment(op) {
			<-hang
		}
		return nil
	})
	l, err := Open(Options{Files: disk, DiskTimeout: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	hanging.Store(true)
	appended := make(chan struct{})
	go func() {
		d.append(l, rand.New(rand.NewPCG(1, 2)), 0)
		close(appended)
	}()
	<-l.Failed()
	if err := l.Err(); !errors.Is(err, errStalled) {
		t.Errorf("failed with %v", err)
	}
	close(hang)
	<-appended
	if err := l.Close(); !errors.Is(err, errStalled) {
		t.Errorf("closed with %v", err)
	}
}

type diskError struct{}

func (diskError) Error() string { return "the disk is gone" }

var errDisk = diskError{}

// isSegment leaves out MARK; a segment may still go by its temporary name.
func isSegment(op fs.Op) bool { return strings.Contains(op.Name, ".seg") }
