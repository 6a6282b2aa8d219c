package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/proof"
	"github.com/ringlog/ringlog/integration/server"
)

const (
	smallDisk  = 64 << 20
	fillsADisk = 5
)

// filler takes the space of a disk and gives it back.
type filler struct{ file *os.File }

func newFiller(d *disk) (*filler, error) {
	f, err := os.Create(filepath.Join(d.path, "filler"))
	return &filler{f}, err
}

// fill takes all space that there is, in smaller and smaller pieces.
func (f *filler) fill() error {
	for piece := int64(1 << 20); piece >= 4096; {
		end, err := f.file.Seek(0, 2)
		if err != nil {
			return err
		}
		err = syscall.Fallocate(int(f.file.Fd()), 0, end, piece)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			piece /= 2
		case err != nil && !errors.Is(err, syscall.EINTR):
			return err
		default:
			if _, err := f.file.Seek(0, 2); err != nil {
				return err
			}
		}
	}
	return nil
}

// free gives back so much.
func (f *filler) free(n int64) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	return f.file.Truncate(max(0, info.Size()-n))
}

// TestFullDisk: appends are refused while the disk is full, reads go on, appends are taken again when
// there is space; a server killed meanwhile starts on the full disk.
func TestFullDisk(t *testing.T) {
	if err := canMount(); err != nil {
		proof.Unproven(t, fills, err.Error())
	}
	s := newSeries(t, fills)
	var r *run
	var d *disk
	var f *filler
	refusals, starts := 0, 0
	finish := func() {
		r.must(f.free(smallDisk))
		r.must(r.finish())
		r.must(f.file.Close())
		r.must(d.unmount())
		refusals += r.load.Tally().Refused
		s.add(r)
		r = nil
	}
	for i := range fills.Tries(t) {
		if r == nil {
			r, d = onDisk(t, s.seed(), smallDisk, "", map[string]string{"SEGMENT": "1MiB"})
			var err error
			f, err = newFiller(d)
			r.must(err)
			r.must(r.server.TryStart())
			r.begin(writers, tails)
		}
		killed, err := r.full(f)
		if err != nil {
			t.Fatalf("SEED=%d, fill %d: %v", r.ledger.Seed, i, err)
		}
		if killed {
			starts++
		}
		s.tried++
		if i%fillsADisk == 0 {
			finish()
		}
	}
	if r != nil {
		finish()
	}
	if refusals == 0 {
		t.Error("no append was refused")
	}
	s.report()
	proof.Report(t, proof.Part{Promises: fills.Promises, What: "starts on a full disk"}, starts, "a writer was refused %d times", refusals)
}

// full fills the disk, sees what must go on, sometimes kills and starts the server, and frees space.
func (r *run) full(f *filler) (killed bool, err error) {
	if err := f.fill(); err != nil {
		return false, err
	}
	if err := r.refused(); err != nil {
		return false, err
	}
	if err := r.goesOn(); err != nil {
		return false, err
	}
	if killed = r.random.IntN(2) == 0; killed {
		r.server.Kill()
		if err := r.restart(); err != nil {
			return killed, err
		}
	}
	if err := f.free(1<<20 + r.random.Int64N(4<<20)); err != nil {
		return killed, err
	}
	return killed, r.confirms()
}

// goesOn holds that a full server answers everything but appends.
func (r *run) goesOn() error {
	ctx, cancel := context.WithTimeout(r.t.Context(), server.Patience)
	defer cancel()
	last, err := load.Head(ctx, load.At(r.server.Addr))
	if err != nil {
		return fmt.Errorf("head of a full server: %w", err)
	}
	entries, failure := load.History(ctx, load.At(r.server.Addr), max(last, around)-around+1, 0)
	r.ledger.Read(max(last, around)-around+1, entries)
	if err := failure(); err != nil {
		return fmt.Errorf("read from a full server: %w", err)
	}
	return r.verdict()
}

// refused waits until an append was refused.
func (r *run) refused() error {
	was := r.load.Refusals()
	return until("an append is refused", func() bool { return r.load.Refusals() > was })
}

// confirms waits until an append is taken.
func (r *run) confirms() error {
	was := r.ledger.Head()
	return until("an append is confirmed", func() bool { return r.ledger.Head() > was })
}

// until waits for something that must come.
func until(what string, come func() bool) error {
	for end := time.Now().Add(server.Patience); !come(); {
		if time.Now().After(end) {
			return fmt.Errorf("%w: it is waited for in vain that %s", server.ErrHangs, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}
