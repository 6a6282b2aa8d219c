package segment_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// TestCrash cuts the power before every operation of random scripts, several times each
// with other parts of what was not synced on the disk, or only kills the process. It does
// so again while what is left is recovered and used. RINGLOG_CRASH_STATES sets how many disks are looked at,
// RINGLOG_CRASH_SEED where to begin.
func TestCrash(t *testing.T) {
	states, first := fromEnv(t, "RINGLOG_CRASH_STATES", 6000), fromEnv(t, "RINGLOG_CRASH_SEED", 1)
	var c crasher
	seed := first
	for ; c.states < int(states); seed++ {
		if err := c.script(seed, nil); err != nil {
			t.Fatalf("RINGLOG_CRASH_SEED=%d: %v", seed, err)
		}
	}
	t.Logf("seeds %d to %d: %d disks, of them %d after a cut in recovery; %d recoveries found a torn tail, %d kept a batch; %d seals and checkpoints; %d entries found by digest",
		first, seed-1, c.states, c.inRecovery, c.torn, c.kept, c.turns, c.found)
	if c.inRecovery == 0 || c.torn == 0 || c.kept == 0 || c.turns == 0 || c.found == 0 {
		t.Error("the crashes do not reach every kind of recovery")
	}
}

// TestCrashFindsALyingDisk sees the harness fail.
func TestCrashFindsALyingDisk(t *testing.T) {
	named := map[string]bool{} // files whose first sync, that of their header, is past
	for name, about := range map[string]func(fs.Op) bool{
		"everything": func(fs.Op) bool { return true },
		"batches": func(op fs.Op) bool {
			was := named[op.Name]
			named[op.Name] = true
			return was && strings.HasPrefix(op.Name, "0")
		},
		"segments": func(op fs.Op) bool { return strings.HasPrefix(op.Name, "0") },
		"names":    func(op fs.Op) bool { return op.Kind == fs.OpSyncDir },
	} {
		t.Run(name, func(t *testing.T) {
			var c crasher
			for seed := uint64(1); c.states < 5000; seed++ {
				if err := c.script(seed, about); err != nil {
					t.Logf("found on disk %d: %v", c.states, err)
					return
				}
			}
			t.Errorf("not found on %d disks", c.states)
		})
	}
}

func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// crasher runs scripts and counts what they come to.
type crasher struct {
	states     int // disks looked at after a power cut
	inRecovery int // of them, cut while Open was under way
	torn, kept int
	turns      int // seals and checkpoints seen
	found      int // entries found by their digests
}

// ledger is what the one who appends knows: it lies on no disk.
type ledger struct {
	acked  [][]string // batches that were acknowledged, or that a scan has shown
	flight []string   // one that is under way
	opened bool       // an Open has succeeded
	asked  int        // how often turn was called
	next   int        // number of the next batch to make
}

// options open a stream whose turns are the ledger's.
func (l *ledger) options() segment.Options {
	o := small
	o.Turn = l.turn
	return o
}

// turn says in seal and checkpoint how many frames were acknowledged before; every
// fourth time not at once, and now and then at length.
func (l *ledger) turn() (segment.Turn, bool) {
	text := fmt.Appendf(nil, "%d frames before", len(slices.Concat(l.acked...)))
	l.asked++
	pad := func(n int) []byte { return append(slices.Clone(text), bytes.Repeat([]byte{'.'}, n)...) }
	return segment.Turn{Seal: pad(l.asked % 5 * 3000), Checkpoint: pad(l.asked % 7 * 5000)}, l.asked%4 != 0
}

// check compares with what a scan shows after a crash, which then counts as promised.
func (l *ledger) check(shown []string) error {
	want := slices.Concat(l.acked...)
	if len(l.flight) > 0 && len(shown) == len(want)+len(l.flight) {
		want = append(want, l.flight...)
		l.acked = append(l.acked, l.flight)
	}
	if len(shown) != len(want) {
		return fmt.Errorf("%d frames are there, %d were acknowledged, %d under way", len(shown), len(want), len(l.flight))
	}
	for i := range want {
		if shown[i] != want[i] {
			return fmt.Errorf("frame %d is %.60q, was %.60q", i, shown[i], want[i])
		}
	}
	l.flight, l.opened = nil, true
	return nil
}

// append appends a random batch and keeps account of it.
func (l *ledger) append(s *segment.Store, r *rand.Rand) error {
	longest := []int{100, 6000, 20000}[r.IntN(3)]
	frames := append(randomBatch(r, l.next, longest), contentFrame(fmt.Sprintf(`{"batch":%d}`, l.next)))
	l.next++
	if r.IntN(2) == 0 {
		if err := s.Reserve(int64(longest), int64(longest)); err != nil {
			return err
		}
	}
	l.flight = flat(frames)
	if _, err := s.Append(frames); err != nil {
		return err
	}
	l.acked, l.flight = append(l.acked, l.flight), nil
	return nil
}

// fork returns a ledger that goes its own way.
func (l *ledger) fork() *ledger {
	c := *l
	c.acked = slices.Clone(l.acked)
	return &c
}

// script does random things to a new stream. Before each operation that changes the disk,
// the power is cut for a few copies of the disk.
func (c *crasher) script(seed uint64, lie func(fs.Op) bool) (err error) {
	r, cuts := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
	disk, l := fs.Memory(), &ledger{}
	disk.Lie(lie)
	cut := func() {
		for range 3 {
			if err == nil {
				err = c.survive(cutOrKill(disk, cuts), l.fork(), cuts)
			}
		}
	}
	disk.SetHook(func(op fs.Op) error {
		if op.Kind.Changes() {
			cut()
		}
		return nil
	})
	for range 1 + r.IntN(3) {
		s, _, openErr := segment.Open(disk, l.options())
		if openErr != nil {
			return openErr
		}
		l.opened = true
		for range r.IntN(12) {
			if r.IntN(4) == 0 {
				_, tableErr := s.Tabulate(goOn)
				err = errors.Join(err, tableErr, s.Idle())
			}
			if appendErr := l.append(s, r); appendErr != nil || err != nil {
				return errors.Join(err, appendErr)
			}
		}
		if r.IntN(2) == 0 {
			err = errors.Join(err, s.Close())
		}
	}
	cut()
	return err
}

// cutOrKill returns what the next process finds: after a power cut, or after a kill, which
// leaves everything in the page cache, to be lost by a later cut.
func cutOrKill(disk *fs.Mem, r *rand.Rand) *fs.Mem {
	if r.IntN(4) == 0 {
		return disk.Kill()
	}
	return disk.Crash(r)
}

var errPower = errors.New("the power is off")

// fuse cuts the power, or kills, before one of the next operations that change it: the n-th,
// or never if it is not come to. left tells what the next process finds.
func fuse(disk *fs.Mem, n int, r *rand.Rand) (left func() *fs.Mem) {
	var after *fs.Mem
	disk.SetHook(func(op fs.Op) error {
		if after == nil && op.Kind.Changes() {
			if n--; n < 0 {
				after = cutOrKill(disk, r)
			}
		}
		if after != nil {
			return errPower
		}
		return nil
	})
	return func() *fs.Mem { return after }
}

// survive recovers a disk after a power cut, and checks that it holds what it must; then
// it goes on with it through more cuts, in recovery and after.
func (c *crasher) survive(disk *fs.Mem, l *ledger, r *rand.Rand) error {
	for cuts := r.IntN(4); ; cuts-- {
		c.states++
		if cuts <= 0 {
			disk.SetHook(nil)
			s, err := c.open(disk, l)
			if err != nil {
				return err
			}
			return s.Close()
		}
		left := fuse(disk, r.IntN(40), r)
		err := c.live(disk, l, r)
		next := left()
		if next == nil {
			if err != nil {
				return err
			}
			next = cutOrKill(disk, r)
		} else if !errors.Is(err, errPower) {
			return fmt.Errorf("an error was lost: got %w", err)
		}
		disk = next
	}
}

// open opens the stream and checks that it shows what the ledger knows.
func (c *crasher) open(disk *fs.Mem, l *ledger) (*segment.Store, error) {
	s, rec, err := segment.Open(disk, l.options())
	if errors.Is(err, errPower) {
		c.inRecovery++
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("not opened after a crash: %w", err)
	}
	if l.opened && len(rec.Warnings) > 0 {
		return nil, fmt.Errorf("warnings: %q", rec.Warnings)
	}
	c.kept += min(rec.Kept, 1)
	if rec.Torn > 0 {
		c.torn++
	}
	shown, err := c.scan(disk, s)
	if err == nil {
		err = l.check(shown)
	}
	if err == nil && c.states%8 == 0 {
		err = c.find(s, shown)
	}
	return s, err
}

// find finds every entry by its digest, with the tables that are there.
func (c *crasher) find(s *segment.Store, shown []string) error {
	for _, line := range shown {
		_, entry, ok := strings.Cut(line, `{"batch":`)
		if !ok {
			continue
		}
		c.found++
		entry = `{"batch":` + entry
		if p, found, err := s.Find(blobstore.Sum([]byte(entry))); err != nil || !found {
			return fmt.Errorf("%s: found %v at %v: %w", entry, found, p, err)
		}
	}
	return nil
}

// scan returns what was appended, and checks what the turns have put between.
func (c *crasher) scan(disk *fs.Mem, s *segment.Store) (shown []string, err error) {
	began := map[uint64]bool{} // files whose first frame was seen
	err = s.Scan(segment.Position{}, func(at segment.Position, kind segment.Kind, payload []byte) error {
		first := !began[at.Segment]
		began[at.Segment] = true
		if first && origin(disk, at.Segment) == 1 && kind != segment.KindCheckpoint {
			return fmt.Errorf("segment %d does not begin with a checkpoint", at.Segment)
		}
		if kind != segment.KindSeal && kind != segment.KindCheckpoint {
			shown = append(shown, fmt.Sprintf("%d %s", kind, payload))
			return nil
		}
		c.turns++
		if want := fmt.Sprintf("%d frames before", len(shown)); !bytes.HasPrefix(payload, []byte(want)) {
			return fmt.Errorf("frame of kind %d at %v: %.40q, want %q", kind, at, payload, want)
		}
		if kind == segment.KindCheckpoint && !first {
			return fmt.Errorf("a checkpoint at %v", at)
		}
		return nil
	})
	return shown, err
}

// origin is why a file was begun, as its header says.
func origin(disk *fs.Mem, number uint64) byte {
	file, err := disk.Open(name(number))
	if err != nil {
		return 0xff
	}
	defer file.Close()
	var b [1]byte
	if _, err := file.ReadAt(b[:], 12); err != nil {
		return 0xff
	}
	return b[0]
}

// live opens the stream and appends to it until the power goes.
func (c *crasher) live(disk *fs.Mem, l *ledger, r *rand.Rand) error {
	s, err := c.open(disk, l)
	if err != nil {
		return err
	}
	for range r.IntN(5) {
		if r.IntN(3) == 0 {
			_, err := s.Tabulate(goOn)
			if err = errors.Join(err, s.Idle()); err != nil {
				return err
			}
		}
		if err := l.append(s, r); err != nil {
			return err
		}
	}
	return s.Close()
}
