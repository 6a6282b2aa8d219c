package hub

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Hub holds a Topic for each log that exists or that somebody watches.
type Hub struct {
	cache   int          // bytes of recent lines kept for all topics
	watched atomic.Int64 // topics with watchers, which share it

	mu     sync.RWMutex // guards the following
	topics map[string]*Topic
}

// New returns a Hub that keeps up to about cache bytes of recent lines, shared
// evenly by the logs that are watched.
func New(cache int) *Hub {
	return &Hub{cache: cache, topics: make(map[string]*Topic)}
}

// Topic is what the hub knows of one log.
type Topic struct {
	hub  *Hub
	name string
	head atomic.Uint64
	id   atomic.Uint32 // of the log; 0 as long as it does not exist

	mu       sync.Mutex // guards the following
	watchers []Watcher
	recent   []*Block // ascending, without gaps
	size     int      // bytes in recent
}

// Lookup returns the topic of a log that exists.
func (h *Hub) Lookup(name []byte) (*Topic, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	t, ok := h.topics[string(name)]
	return t, ok && t.id.Load() != 0
}

// Found makes the topic of a log known under its number, with its head.
// Called when a log comes into being, and for each log at start.
func (h *Hub) Found(name string, id uint32, head uint64) *Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topic(name)
	t.head.Store(head)
	t.id.Store(id)
	return t
}

// topic returns the topic of name, made if need be. The caller holds h.mu.
func (h *Hub) topic(name string) *Topic {
	t, ok := h.topics[name]
	if !ok {
		t = &Topic{hub: h, name: name}
		h.topics[name] = t
	}
	return t
}

// Logs returns the topics of all logs that have entries, by name.
func (h *Hub) Logs() []*Topic {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var logs []*Topic
	for _, name := range slices.Sorted(maps.Keys(h.topics)) {
		if t := h.topics[name]; t.id.Load() != 0 && t.Head() > 0 {
			logs = append(logs, t)
		}
	}
	return logs
}

// Watch registers w for the heads of a log, which need not exist yet.
// Every Watch is paired with an Unwatch.
func (h *Hub) Watch(name []byte, w Watcher) *Topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.topics[string(name)]
	if !ok {
		t = h.topic(string(name))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watchers = append(t.watchers, w); len(t.watchers) == 1 {
		h.watched.Add(1)
	}
	return t
}

// Unwatch forgets w, and with the last watcher a log that never came to be.
func (h *Hub) Unwatch(t *Topic, w Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.watchers, w); i >= 0 {
		last := len(t.watchers) - 1
		t.watchers[i] = t.watchers[last]
		t.watchers[last] = nil
		t.watchers = t.watchers[:last]
	}
	if len(t.watchers) == 0 {
		h.watched.Add(-1)
		t.recent, t.size = nil, 0
		if t.id.Load() == 0 {
			delete(h.topics, t.name)
		}
	}
}

// Name returns the log's name.
func (t *Topic) Name() string { return t.name }

// ID returns the log's number, or 0 as long as the log does not exist.
func (t *Topic) ID() uint32 { return t.id.Load() }

// Head returns the last index announced.
func (t *Topic) Head() uint64 { return t.head.Load() }

// Watched tells whether anybody would be woken by an announcement: only then
// is it worth encoding lines for it.
func (t *Topic) Watched() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.watchers) > 0
}

// Announce makes head the topic's head, remembers block (nil: nothing was
// encoded) and wakes every watcher. Entries up to head are durable. Heads are
// announced in ascending order, by one caller at a time.
func (t *Topic) Announce(head uint64, block *Block) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.remember(head, block)
	t.head.Store(head)
	for _, w := range t.watchers {
		w.Wake()
	}
}

// remember keeps block and drops the oldest ones beyond the cache's size.
func (t *Topic) remember(head uint64, block *Block) {
	if block == nil || len(t.watchers) == 0 {
		if head != t.head.Load() {
			t.recent, t.size = nil, 0 // a gap: what is cached no longer reaches the head
		}
		return
	}
	t.recent = append(t.recent, block)
	t.size += len(block.Lines)
	drop, share := 0, t.hub.cache/max(1, int(t.hub.watched.Load()))
	for t.size > share && drop < len(t.recent) {
		t.size -= len(t.recent[drop].Lines)
		drop++
	}
	t.recent = slices.Delete(t.recent, 0, drop)
}

// Recent returns the cached lines of entries from on, none beyond to, and how many
// they are: none when from is not cached. What one block has is shared, and not to be
// changed; of small blocks more are copied to buf, as many as its capacity takes.
func (t *Topic) Recent(buf []byte, from, to uint64) (lines []byte, n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := slices.BinarySearchFunc(t.recent, from, (*Block).compare)
	if !ok {
		return nil, 0
	}
	last := min(to, t.recent[i].Last())
	lines = t.recent[i].Slice(from, last)
	if len(lines) > cap(buf)/4 {
		return lines, last - from + 1
	}
	if last < to {
		lines = append(buf[:0], lines...)
	}
	for _, b := range t.recent[i+1:] {
		if last == to {
			break
		}
		next := min(to, b.Last())
		more := b.Slice(last+1, next)
		if len(lines)+len(more) > cap(buf) {
			break
		}
		lines, last = append(lines, more...), next
	}
	return lines, last - from + 1
}
