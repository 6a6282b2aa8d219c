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

func TestRecentHoldsWhatReachesTheHead(t *testing.T) {
	h := New(8)
	topic := h.Found("main", 1, 0)
	w := NewWatcher()
	h.Watch([]byte("main"), w)
	topic.Announce(2, block(1, "aa", "bb"))
	topic.Announce(4, block(3, "cc", "dd"))
	if b := topic.Recent(2); b == nil || string(b.Slice(2, 2)) != "bb" {
		t.Fatal("entry 2 should be cached")
	}
	topic.Announce(5, block(5, "ee"))
	if topic.Recent(2) != nil {
		t.Fatal("the oldest block should have made room")
	}
	if b := topic.Recent(4); b == nil || string(b.Slice(3, 4)) != "ccdd" {
		t.Fatal("entries 3 and 4 should be cached")
	}
	topic.Announce(6, nil)
	if topic.Recent(5) != nil {
		t.Fatal("nothing may be cached across a gap")
	}
}

func TestALogThatNeverCameToBeIsForgotten(t *testing.T) {
	h := New(8)
	w := NewWatcher()
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
		w := NewWatcher()
		h.Watch([]byte("main"), w)
		all.Go(func() {
			for topic.Head() < heads {
				<-w.C()
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
