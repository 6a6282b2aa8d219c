//go:build !race

package logserver

import "testing"

// Nothing is allocated for an entry: what there is belongs to the batch, and is a
// few dozen pieces whatever its size.
func TestNoAllocationForAnEntry(t *testing.T) {
	const perBatch = 64
	l, err := Open(Options{Blobs: t.TempDir(), IndexEvery: 1 << 50, IdleAfter: 1 << 50})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	list := filled(inline) // more would be committed by another goroutine
	for range 100 {
		l.submit(deaf{}, list)
	}
	if n := testing.AllocsPerRun(100, func() { l.submit(deaf{}, list) }); n > perBatch {
		t.Errorf("%.0f allocations for an append of %d entries", n, len(list))
	}
	many := filled(inline * 16)
	whole := submission{Append: many[0].Append}
	whole.Entries = len(many)
	for _, s := range many {
		whole.entries = append(whole.entries, s.entries...)
		whole.size += s.size
	}
	one := []submission{whole}
	for range 100 {
		l.submit(deaf{}, one)
	}
	if n := testing.AllocsPerRun(100, func() { l.submit(deaf{}, one) }); n > perBatch {
		t.Errorf("%.0f allocations for an append of %d entries", n, len(many))
	}
	topic, _ := l.hub.Lookup(mainLog)
	c := cursor{log: l}
	next := uint64(1)
	read := func() {
		_, sent, err := c.next(topic.ID(), next, topic.Head(), false, 16<<10)
		if err != nil {
			t.Fatal(err)
		}
		if next += sent; next > topic.Head() {
			next = 1
		}
	}
	for next = 1; next < topic.Head()-100; {
		read()
	}
	if n := testing.AllocsPerRun(100, read); n > 2 {
		t.Errorf("%.0f allocations for 16 KiB of lines", n)
	}
}
