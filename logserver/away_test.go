package logserver

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/order"
)

// trio is three nodes whose disks can be damaged.
type trio struct {
	*lan
	t        *testing.T
	replicas string
	logs     map[uint64]*Log
	disk     map[uint64]*fs.Mem
	db       map[uint64]string
}

// manyBatches are more than are found by their digests alone: who comes after them pulls what was decided.
const manyBatches = 1300

// newTrio starts three nodes and appends to all of them, until there are so many Raft entries; it returns what was
// acknowledged.
func newTrio(t *testing.T, entries uint64, replicas string) (*trio, *ledger) {
	t.Helper()
	n := &trio{newLAN(t), t, replicas, map[uint64]*Log{}, map[uint64]*fs.Mem{}, map[uint64]string{}}
	for id := uint64(1); id <= 3; id++ {
		n.disk[id], n.db[id] = fs.Memory(), filepath.Join(t.TempDir(), "db")
		n.begin(id)
	}
	until(t, "the founder to serve", func() bool { return n.voters(n.logs[1]) == 1 })
	n.admit(t, 2)
	n.admit(t, 3)
	for _, l := range n.logs {
		until(t, "three to vote", func() bool { return n.voters(l) == 3 })
	}
	d, r := newLedger(), rand.New(rand.NewPCG(5, 5))
	for round := 0; ; round++ {
		d.append(n.logs[1+uint64(round)%3], r, round)
		until(t, "answers", d.answered)
		if s, _ := n.logs[1].Standing(); s.Applied > entries {
			break
		}
	}
	n.upToDate()
	return n, d
}

func (n *trio) begin(id uint64) {
	n.t.Helper()
	n.logs[id] = n.startWith(n.t, id, n.disk[id], n.db[id], n.founded)
}

// founded gives the settings that the cluster is founded with.
func (n *trio) founded(o *Options) {
	o.Settings = map[string]string{order.SettingReplicas: n.replicas}
	o.Member.MoveRetry = 20 * time.Millisecond
}

func (n *trio) upToDate() {
	n.t.Helper()
	for _, l := range n.logs {
		until(n.t, "a node to be up to date", func() bool { return l.Newest(n.t.Context()) == nil })
	}
}

// spoil changes a byte of every third content frame in segments that have ended, and returns where they are.
func (n *trio) spoil(id uint64) (places []blobstore.Place) {
	n.t.Helper()
	l := n.logs[id]
	seen := map[blobstore.Place]bool{}
	for _, topic := range l.hub.Logs() {
		rows, err := l.index.Range(topic.ID(), 1, nil, 1<<20)
		if err != nil {
			n.t.Fatal(err)
		}
		for i := range rows {
			if p := rows[i].Place; p.Segment < l.store.Durable().Segment && !seen[p] {
				seen[p] = true
				if len(seen)%3 == 0 {
					places = append(places, p)
				}
			}
		}
	}
	if len(places) < 5 {
		n.t.Fatalf("only %d content frames in segments that have ended", len(places))
	}
	for _, p := range places {
		flipIn(n.t, n.disk[id], p)
	}
	return places
}

// flipIn changes a byte in the middle of a frame's payload.
func flipIn(t testing.TB, disk fs.FS, p blobstore.Place) {
	t.Helper()
	const frameHeader = 56
	f, err := disk.Open(segment.FileName(p.Segment))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	at := p.Offset + frameHeader + int64(p.Length)/2
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
}

// mended waits until content is what it was, and looks that it is.
func (n *trio) mended(id uint64, places []blobstore.Place) {
	n.t.Helper()
	l := n.logs[id]
	until(n.t, "the mover", func() bool {
		r, _ := l.Repairs()
		return r.Damaged == 0 && r.Missing == 0 && int(r.Mended+r.Fetched) >= len(places)
	})
	for _, p := range places {
		if _, err := l.store.Read(p, nil); err != nil {
			n.t.Errorf("%v: %v", p, err)
		}
	}
}

// Content that is damaged on a node is given to who reads it there by the others, and is put right.
func TestDamagedContentIsReadFromOthersAndPutRight(t *testing.T) {
	n, d := newTrio(t, 150, "3")
	places := n.spoil(3)
	mustHold(t, n.logs[3], d.snapshot())
	n.mended(3, places)
	closeAll(t, n.logs)
	mustCheck(t, n.disk[3], n.db[3])
}

// The same, for a node that starts with the damage, with its index and without.
func TestANodeThatStartsDamagedIsPutRight(t *testing.T) {
	for _, keep := range []string{"with its index", "without"} {
		t.Run(keep, func(t *testing.T) {
			n, d := newTrio(t, 150, "3")
			places := n.spoil(3)
			if err := n.logs[3].Close(); err != nil {
				t.Fatal(err)
			}
			if keep == "without" {
				if err := os.Remove(n.db[3]); err != nil {
					t.Fatal(err)
				}
			}
			n.begin(3)
			n.upToDate()
			mustHold(t, n.logs[3], d.snapshot())
			n.mended(3, places)
			closeAll(t, n.logs)
			mustCheck(t, n.disk[3], n.db[3])
		})
	}
}

// stranger is a node that owns half of the content, until it is told to own all.
type stranger struct {
	all  atomic.Bool
	disk *fs.Mem
	db   string
}

func (s *stranger) owns(d blobstore.Digest) bool { return s.all.Load() || d[0]%2 == 0 }

// begin starts the node as the fourth of a trio.
func (s *stranger) begin(n *trio) *Log {
	n.t.Helper()
	l := n.startWith(n.t, 4, s.disk, s.db, func(o *Options) { n.founded(o); o.Member.owns = s.owns })
	n.logs[4] = l
	return l
}

// away counts the entries of a node that are on others only.
func away(t testing.TB, l *Log) (count int) {
	t.Helper()
	for _, topic := range l.hub.Logs() {
		rows, err := l.index.Range(topic.ID(), 1, nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			if rows[i].Place.IsAway() {
				count += int(rows[i].Count)
			}
		}
	}
	return count
}

// mustVerify checks a disk, and returns how many entries are on others only.
func mustVerify(t *testing.T, disk *fs.Mem, db string) uint64 {
	t.Helper()
	report, err := check.Data(check.Options{Files: disk, DB: db})
	if err != nil {
		t.Fatalf("check: %v (%+v)", err, report)
	}
	return report.Away
}

// A node that doesn't own all content gives everything to who reads it there. When it comes to own more, that
// comes, and is found again by a start, with the index and without.
func TestContentOfOthersIsReadAndComes(t *testing.T) {
	n, d := newTrio(t, manyBatches, "2")
	s := &stranger{disk: fs.Memory(), db: filepath.Join(t.TempDir(), "db")}
	l := s.begin(n)
	n.admit(t, 4)
	n.upToDate()
	if count := away(t, l); count < 50 {
		t.Fatalf("only %d entries are away", count)
	}
	mustHold(t, l, d.snapshot())

	restart := func(keepIndex bool) {
		t.Helper()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if count := mustVerify(t, s.disk, s.db); (count > 0) == s.all.Load() {
			t.Errorf("owning all: %v; entries that are elsewhere: %d", s.all.Load(), count)
		}
		if !keepIndex {
			if err := os.Remove(s.db); err != nil {
				t.Fatal(err)
			}
		}
		l = s.begin(n)
		n.upToDate()
	}
	restart(true)
	restart(false)
	mustHold(t, l, d.snapshot())

	s.all.Store(true)
	l.member.mover.lookAtAll()
	until(t, "all content to come", func() bool { return away(t, l) == 0 })
	fetched := l.member.fetcher.count()
	mustHold(t, l, d.snapshot())
	restart(true)
	restart(false)
	if count := away(t, l); count > 0 {
		t.Errorf("%d entries that had come are away again", count)
	}
	mustHold(t, l, d.snapshot())
	if again := l.member.fetcher.count(); again > 0 {
		t.Errorf("%d batches were fetched that are here (%d before)", again, fetched)
	}
	closeAll(t, n.logs)
}

// Where a frame's header is gone, content can't be put right in its place: it is written anew, and its rows point there.
func TestContentWithoutItsHeaderIsWrittenElsewhere(t *testing.T) {
	n, d := newTrio(t, 150, "3")
	l := n.logs[3]
	topic, _ := l.hub.Lookup([]byte("main"))
	rows, err := l.index.Range(topic.ID(), 5, nil, 1)
	if err != nil || len(rows) == 0 || rows[0].Place.Segment >= l.store.Durable().Segment {
		t.Fatal(rows, err)
	}
	place := rows[0].Place
	f, err := n.disk[3].Open(segment.FileName(place.Segment))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, 56), place.Offset); err != nil {
		t.Fatal(err)
	}
	mustHold(t, l, d.snapshot())
	until(t, "the content to lie elsewhere", func() bool {
		rows, err := l.index.Range(topic.ID(), 5, nil, 1)
		return err == nil && rows[0].Place != place
	})
	mustHold(t, l, d.snapshot())
	closeAll(t, n.logs)
}
