package logserver

import (
	"bytes"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
)

// foreigner starts a trio, and a fourth node that owns nothing.
func foreigner(t *testing.T, change func(*Options)) (*trio, *Log, *ledger) {
	t.Helper()
	n, d := newTrio(t, manyBatches, "2")
	n.logs[4] = n.startWith(t, 4, fs.Memory(), filepath.Join(t.TempDir(), "db"), func(o *Options) {
		n.founded(o)
		o.Member.owns = func(blobstore.Digest) bool { return false }
		change(o)
	})
	n.admit(t, 4)
	n.upToDate()
	return n, n.logs[4], d
}

// awayBatches counts the batches of a node that are on others only.
func awayBatches(t *testing.T, l *Log) uint64 {
	t.Helper()
	digests := map[blobstore.Digest]bool{}
	for _, topic := range l.hub.Logs() {
		rows, err := l.index.Range(topic.ID(), 1, nil, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows {
			a, ok, err := l.index.Away(rows[i].Log, rows[i].First)
			if err != nil || ok != rows[i].Place.IsAway() {
				t.Fatal(rows[i], ok, err)
			}
			if ok {
				digests[a.Digest] = true
			}
		}
	}
	return uint64(len(digests))
}

// Whoever reads what is away, and however many do, each batch is fetched once.
func TestWhatIsAwayIsFetchedOnce(t *testing.T) {
	n, l, d := foreigner(t, func(*Options) {})
	batches := awayBatches(t, l)
	if batches < 50 {
		t.Fatalf("only %d batches are away", batches)
	}
	acked := d.snapshot()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for log := range acked {
				topic, _ := l.hub.Lookup([]byte(log))
				h := history{cursor: cursor{log: l}, alone: true}
				for at := uint64(1); at <= topic.Head(); {
					c := h.next(span{topic.ID(), at, topic.Head(), false, 4096})
					if c.err != nil || bytes.Contains(c.lines, []byte(`"error"`)) {
						t.Errorf("%s %d: %s, %v", log, at, c.lines, c.err)
						break
					}
					at += c.count
				}
				h.release()
			}
		})
	}
	all.Wait()
	mustHold(t, l, acked)
	if fetched := l.member.fetcher.count(); fetched != batches {
		t.Errorf("%d batches are away, and %d were fetched", batches, fetched)
	}
	closeAll(t, n.logs)
}

// Content that is not what its digest says is never served: another node is asked.
func TestContentOfAnotherNodeIsChecked(t *testing.T) {
	n, l, d := foreigner(t, func(*Options) {})
	var altered atomic.Int64
	n.mu.Lock()
	n.alter = func(from uint64, kind byte, payload []byte) []byte {
		if from != 2 || order.MessageKind(kind) != order.MessageFetched || len(payload) < 200 {
			return payload
		}
		altered.Add(1)
		payload = bytes.Clone(payload)
		payload[len(payload)-2] ^= 1
		return payload
	}
	n.mu.Unlock()
	mustHold(t, l, d.snapshot())
	if altered.Load() == 0 {
		t.Error("nothing was asked of the node that answers wrongly")
	}
	closeAll(t, n.logs)
}

// What nobody can give is unavailable, the read goes on, and it can be read again when somebody is there.
func TestWhatNobodyGivesIsUnavailable(t *testing.T) {
	n, l, d := foreigner(t, func(o *Options) { o.Member.Fetch, o.Member.FetchAgain = 3*time.Second, time.Millisecond })
	acked := d.snapshot()
	n.isolate(4, true)
	c := cursor{log: l}
	unavailable := 0
	for log, entries := range acked {
		topic, _ := l.hub.Lookup([]byte(log))
		for at := uint64(1); at <= topic.Head() && unavailable < 3; at++ {
			lines, count, err := c.next(topic.ID(), at, at, false, 1)
			if err != nil || count != 1 {
				t.Fatalf("%s %d: %d lines: %s: %v", log, at, count, lines, err)
			}
			if bytes.Contains(lines, []byte(`"error":"entry unavailable"`)) {
				unavailable++
			} else if text, ok := entries[at]; ok && !bytes.Contains(lines, []byte(text)) {
				t.Fatalf("%s %d: %s, want %s", log, at, lines, text)
			}
		}
	}
	c.release()
	if unavailable == 0 {
		t.Error("all can be read at a node that is cut off")
	}
	n.isolate(4, false)
	until(t, "others to be heard", func() bool { return l.Newest(t.Context()) == nil })
	l.member.options.Fetch = 10 * time.Second // nothing is being fetched now
	mustHold(t, l, acked)
	closeAll(t, n.logs)
}
