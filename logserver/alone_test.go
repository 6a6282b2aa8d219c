package logserver

import (
	"context"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
)

// The backup of each of three nodes becomes a log that is alone, whatever was under way: everything acknowledged is there, and
// it is a cluster like any other from then on, also when its index is made anew.
func TestOneOfThreeAlone(t *testing.T) {
	_, logs := three(t)
	d := newLedger()
	r := rand.New(rand.NewPCG(4, 4))
	for i := range 300 {
		d.append(logs[1], r, i) // a ledger is one node's
	}
	until(t, "answers", d.answered)
	acked := d.snapshot()
	for id, l := range logs {
		if err := l.Newest(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i := range 50 { // ordered, perhaps, and not decided
			d.append(logs[1], r, i)
		}
		backup, restored, db := fs.Memory(), fs.Memory(), filepath.Join(t.TempDir(), "db")
		if _, err := segment.Backup(l.files, backup, segment.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := segment.Restore(backup, restored, segment.CopyOptions{}); err != nil {
			t.Fatal(err)
		}
		if report, err := check.Data(check.Options{Files: restored}); err != nil || len(report.Members) != 3 {
			t.Errorf("node %d: %+v, %v", id, report, err)
		}
		if _, err := Open(Options{Files: restored, DB: db}); !errors.Is(err, ErrOthers) {
			t.Errorf("node %d: %v", id, err)
		}
		for _, alone := range []bool{true, false} {
			one, err := Open(Options{Files: restored, DB: db, Alone: alone})
			if err != nil {
				t.Fatal(err)
			}
			mustHold(t, one, acked)
			w := one.NewWriter("after")
			w.Add([]byte(`{"alone":true}`))
			w.Submit(Conditions{})
			if _, err := w.Wait(); err != nil {
				t.Errorf("node %d: %v", id, err)
			}
			w.Close()
			if err := one.Close(); err != nil {
				t.Fatal(err)
			}
			report, err := check.Data(check.Options{Files: restored, DB: db})
			if err != nil || len(report.Members) != 1 || report.Members[0] != 1 {
				t.Errorf("node %d: %+v, %v", id, report, err)
			}
			db = filepath.Join(t.TempDir(), "db") // made anew
		}
	}
	until(t, "answers", d.answered)
	closeAll(t, logs)
}
