package logserver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/order"
)

// ledger appends and notes what is acknowledged.
type ledger struct {
	mu      sync.Mutex // guards the following
	asked   [][]string // log and texts of each append, in order
	done    int
	acked   map[string]map[uint64]string // log, index: text
	seqs    map[string]uint64            // of each producer, the last number given
	refused []string                     // the reasons of those that were not decided
	life    int                          // counts the power cuts
}

func newLedger() *ledger {
	return &ledger{acked: map[string]map[uint64]string{}, seqs: map[string]uint64{}}
}

func (d *ledger) resolve(o *order.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range uint64(o.Appends) {
		a := d.asked[d.done]
		d.done++
		if o.Status != order.Appended || o.Duplicate {
			continue
		}
		if d.acked[a[0]] == nil {
			d.acked[a[0]] = map[uint64]string{}
		}
		for j, text := range a[1:] {
			d.acked[a[0]][o.First+i*uint64(o.Entries)+uint64(j)] = text
		}
	}
}

func (d *ledger) fail(n int, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done += n
	for range n {
		d.refused = append(d.refused, reason)
	}
}

func (d *ledger) flush() {}

// reasons returns why appends were not decided.
func (d *ledger) reasons() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.refused)
}

// snapshot returns a copy of what has been acknowledged.
func (d *ledger) snapshot() map[string]map[uint64]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := map[string]map[uint64]string{}
	for log, entries := range d.acked {
		all[log] = map[uint64]string{}
		for i, text := range entries {
			all[log][i] = text
		}
	}
	return all
}

// append submits a few random appends in one go.
func (d *ledger) append(l *Log, r *rand.Rand, round int) {
	var list []submission
	for i := range 1 + r.IntN(4) {
		s := submission{Append: order.Append{Log: []byte([]string{"main", "b", "c"}[r.IntN(3)])}}
		asked := []string{string(s.Log)}
		for j := range 1 + r.IntN(3) {
			text := fmt.Sprintf(`{"round":%d,"append":%d,"entry":%d,"pad":"%s"}`, round, i, j, strings.Repeat("x", r.IntN(3000)))
			s.entries = append(s.entries, entry{[]byte(text), blobstore.Sum([]byte(text))})
			s.size += len(text)
			asked = append(asked, text)
		}
		s.Entries = len(s.entries)
		if r.IntN(3) == 0 {
			s.Key = fmt.Appendf(nil, "k%d", r.IntN(20))
			s.KeyDigest = keyDigest(s.Key, s.entries)
		}
		if r.IntN(2) == 0 {
			d.number(&s, r)
		}
		d.mu.Lock()
		d.asked = append(d.asked, asked)
		d.mu.Unlock()
		list = append(list, s)
	}
	l.submit(d, list)
}

// number makes the append the next one of a producer, or, seldom, one again that was
// decided: which appends nothing.
func (d *ledger) number(s *submission, r *rand.Rand) {
	p := fmt.Sprintf("p%d of life %d", r.IntN(3), d.life)
	d.mu.Lock()
	defer d.mu.Unlock()
	if seq := d.seqs[p]; seq > 0 && r.IntN(5) == 0 {
		s.Seq = 1 + r.Uint64N(seq)
	} else {
		d.seqs[p]++
		s.Seq = d.seqs[p]
	}
	s.Producer = []byte(p)
}

// mustHold wants every acknowledged entry to be where it was acknowledged.
func mustHold(t *testing.T, l *Log, acked map[string]map[uint64]string) {
	t.Helper()
	for log, entries := range acked {
		topic, ok := l.hub.Lookup([]byte(log))
		if !ok {
			t.Fatalf("log %s is gone", log)
		}
		c := cursor{log: l}
		for at := uint64(1); at <= topic.Head(); at++ {
			lines, n, err := c.next(topic.ID(), at, at, false, 1)
			if err != nil || n != 1 || bytes.Contains(lines, []byte(`"error"`)) {
				if err == nil {
					_, err = c.row(topic.ID(), at, at, false)
				}
				t.Fatalf("%s %d: %d lines: %s: %v", log, at, n, lines, err)
			}
			if text, ok := entries[at]; ok && string(lines) != fmt.Sprintf(`{"index":%d,"entry":%s}`+"\n", at, text) {
				t.Fatalf("%s %d:\n got %s\nwant %s", log, at, lines, text)
			}
			delete(entries, at)
		}
		c.release()
		if len(entries) > 0 {
			t.Fatalf("%d acknowledged entries of %s lie beyond its head", len(entries), log)
		}
	}
}

// A power cut at any operation of the file system loses nothing acknowledged,
// with the index that was there, an old one, or none.
func TestPowerCutLosesNothingAcknowledged(t *testing.T) {
	rounds := 60
	if n, err := strconv.Atoi(os.Getenv("RINGLOG_POWER_CUTS")); err == nil {
		rounds = n
	}
	seed := rand.Uint64()
	if n, err := strconv.ParseUint(os.Getenv("RINGLOG_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("RINGLOG_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	disk, ledger := fs.Memory(), newLedger()
	db := filepath.Join(t.TempDir(), "db")
	for round := range rounds {
		disk = powerCut(t, disk, ledger, db, r, round)
		if r.IntN(4) == 0 {
			_ = os.Remove(db)
		}
	}
}

// powerCut runs a log on disk until the power fails, and returns what the disk
// then holds.
func powerCut(t *testing.T, disk *fs.Mem, d *ledger, db string, r *rand.Rand, round int) *fs.Mem {
	t.Helper()
	var (
		after *fs.Mem
		acked map[string]map[uint64]string
		mu    sync.Mutex
	)
	left := 20 + r.IntN(60)
	fate := rand.New(rand.NewPCG(r.Uint64(), 0)) // the hook is called by other goroutines
	disk.SetHook(func(op fs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if !op.Kind.Changes() || after != nil {
			return nil
		}
		if left--; left == 0 {
			acked = d.snapshot()
			after = disk.Crash(fate)
		}
		return nil
	})
	l, err := Open(Options{Files: disk, DB: db, Segment: 64 << 10, IndexEvery: 1, IdleAfter: 1})
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	mustHold(t, l, d.snapshot())
	for i := 0; ; i++ {
		mu.Lock()
		over := after != nil
		mu.Unlock()
		if over {
			break
		}
		d.append(l, r, round)
	}
	if err := l.Close(); err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
	disk.SetHook(nil)
	mustCheck(t, disk, db)
	mustCheck(t, after, "")
	d.mu.Lock()
	d.acked, d.asked, d.done = acked, nil, 0
	clear(d.seqs) // producers go on under other names: how far the disk has got is not known
	d.life++
	d.mu.Unlock()
	return after
}

// mustCheck wants every invariant to hold.
func mustCheck(t *testing.T, files fs.FS, db string) {
	t.Helper()
	report, err := check.Data(check.Options{Files: files, DB: db})
	if err != nil {
		keep(t, files)
		t.Fatalf("check: %v (%+v)", err, report)
	}
}

// keep leaves a copy of a disk behind, for who looks into a failure.
func keep(t *testing.T, files fs.FS) {
	dir, err := os.MkdirTemp("", "ringlog-failed-")
	if err != nil {
		t.Fatal(err)
	}
	names, err := files.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		f, err := files.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := f.Size()
		b := make([]byte, size)
		_, _ = f.ReadAt(b, 0)
		_ = f.Close()
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("the disk is kept in %s", dir)
}

// hold waits until nothing is committed or written behind, and keeps it so.
func hold(l *Log) (resume func()) {
	g := l.gatherer
	g.mu.Lock()
	for g.busy {
		g.room.Wait()
	}
	g.busy = true
	g.mu.Unlock()
	l.writing.Wait()
	return func() { g.mu.Lock(); defer g.mu.Unlock(); g.busy = false }
}

// After a stop in order, and after one that was not, the index serves as it
// was: it isn't made anew without need.
func TestTheIndexIsNotMadeAnewWithoutNeed(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	disk, d, db := fs.Memory(), newLedger(), filepath.Join(t.TempDir(), "db")
	for round := range 8 {
		var lines bytes.Buffer
		l, err := Open(Options{Files: disk, DB: db, Segment: 64 << 10, IndexEvery: 1, Logger: zerolog.New(&lines)})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(lines.Bytes(), []byte("anew")) {
			t.Fatalf("round %d: %s", round, &lines)
		}
		mustHold(t, l, d.snapshot())
		for range 40 {
			d.append(l, r, round)
		}
		resume := hold(l)
		killed := disk.Crash(rand.New(rand.NewPCG(2, uint64(round))))
		image, err := os.ReadFile(db)
		if err != nil {
			t.Fatal(err)
		}
		resume()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if round%2 == 0 {
			disk = killed
			if err := os.WriteFile(db, image, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		mustCheck(t, disk, db)
	}
}
