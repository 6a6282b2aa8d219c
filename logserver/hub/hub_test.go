package hub

import (
	"sync"
	"testing"
)

func block(first uint64, lines ...string) *Block {
	b := &Block{First: first}
	for _, l := range lines {
		b.Lines = append(b.Lines, l...)
		b.Ends = append(b.Ends, uint32(len(b.Lines)))
	}
	return b
}

// bell is a Watcher that somebody waits for.
type bell struct{ c chan struct{} }

func newBell() bell { return bell{make(chan struct{}, 1)} }

func (b bell) Wake() {
	select {
	case b.c <- struct{}{}:
	default:
	}
}

func TestRecentHoldsWhatReachesTheHead(t *testing.T) {
	h := New(8)
	topic := h.Found("main", 1, 0)
	w := newBell()
	h.Watch([]byte("main"), w)
	topic.Announce(2, block(1, "aa", "bb"))
	topic.Announce(4, block(3, "cc", "dd"))
	cached := func(from, to uint64, room int) string {
		lines, n := topic.Recent(make([]byte, 0, room), from, to)
		if want := uint64(len(lines) / 2); n != want {
			t.Fatalf("%d entries are said to be in %q", n, lines)
		}
		return string(lines)
	}
	if got := cached(2, 2, 0); got != "bb" {
		t.Fatalf("entry 2 should be cached: %q", got)
	}
	if got := cached(2, 4, 0); got != "bb" {
		t.Fatalf("without room there is what one block has: %q", got)
	}
	if got := cached(2, 4, 64); got != "bbccdd" {
		t.Fatalf("with room there is what all have: %q", got)
	}
	if got := cached(1, 3, 64); got != "aabbcc" {
		t.Fatalf("nothing beyond what was asked for: %q", got)
	}
	if got := cached(2, 4, 10); got != "bbccdd" {
		t.Fatalf("as much as there is room: %q", got)
	}
	topic.Announce(5, block(5, "ee"))
	if cached(2, 2, 0) != "" {
		t.Fatal("the oldest block should have made room")
	}
	if got := cached(3, 4, 0); got != "ccdd" {
		t.Fatalf("entries 3 and 4 should be cached: %q", got)
	}
	topic.Announce(6, nil)
	if cached(5, 5, 0) != "" {
		t.Fatal("nothing may be cached across a gap")
	}
}

func TestALogThatNeverCameToBeIsForgotten(t *testing.T) {
	h := New(8)
	w := newBell()
	topic := h.Watch([]byte("ghost"), w)
	if _, ok := h.Lookup([]byte("ghost")); ok || len(h.Logs()) != 0 {
		t.Fatal("watching must not make a log exist")
	}
	h.Unwatch(topic, w)
	if len(h.topics) != 0 {
		t.Fatal("the topic should be gone with its last watcher")
	}
}

// Every head that is announced is seen by every watcher, however the two meet.
func TestNoHeadIsMissed(t *testing.T) {
	const heads, watchers = 2000, 8
	h := New(64)
	topic := h.Found("main", 1, 0)
	var all sync.WaitGroup
	for range watchers {
		w := newBell()
		h.Watch([]byte("main"), w)
		all.Go(func() {
			for topic.Head() < heads {
				<-w.c
			}
			h.Unwatch(topic, w)
		})
	}
	for i := uint64(1); i <= heads; i++ {
		topic.Announce(i, block(i, "x"))
	}
	all.Wait()
	if topic.Watched() {
		t.Fatal("a watcher was left behind")
	}
}
