package logserver

import (
	"fmt"
	"net"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// deaf is an appender that doesn't listen.
type deaf struct{}

func (deaf) resolve(*order.Outcome) {}
func (deaf) fail(int, string)       { panic("an append was refused") }
func (deaf) flush()                 {}

// filled returns n appends of one entry of 200 bytes each.
func filled(n int) []submission {
	list := make([]submission, n)
	for i := range list {
		text := fmt.Appendf(nil, `{"n":"%010d","pad":"%0176d"}`, i, 0)
		list[i] = submission{
			Append:  order.Append{Log: mainLog, Entries: 1},
			entries: []entry{{text, blobstore.Sum(text)}}, size: len(text),
		}
	}
	return list
}

// An append of 200 bytes in a batch of 256, from gathering to heads, without disk
// and socket.
func BenchmarkCommit(b *testing.B) {
	l, err := Open(Options{Blobs: InMemory, IndexEvery: 1 << 50, IdleAfter: 1 << 50})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	list := filled(256)
	b.SetBytes(200)
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; n += len(list) {
		l.submit(deaf{}, list[:min(len(list), b.N-n)])
	}
}

// An append of 200 bytes in a batch of its own: what a commit costs.
func BenchmarkCommitOne(b *testing.B) {
	l, err := Open(Options{Blobs: InMemory, IndexEvery: 1 << 50, IdleAfter: 1 << 50})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	list := filled(4096)
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		at := n % len(list)
		l.submit(deaf{}, list[at:at+1])
	}
}

// Lines of 200-byte entries, read from segments in memory and encoded.
func BenchmarkRead(b *testing.B) {
	const entries = 100_000
	l, err := Open(Options{Blobs: InMemory})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	list := filled(1000)
	for range entries / len(list) {
		l.submit(deaf{}, list)
	}
	resume := hold(l)
	resume()
	topic, _ := l.hub.Lookup(mainLog)
	c := cursor{log: l}
	b.SetBytes(200)
	b.ReportAllocs()
	b.ResetTimer()
	for n, next := 0, uint64(1); n < b.N; {
		if next > topic.Head() {
			next = 1
		}
		_, sent, err := c.next(topic.ID(), next, topic.Head(), false, 256<<10)
		if err != nil {
			b.Fatal(err)
		}
		next += sent
		n += int(sent)
	}
}

// The same from the lines of a connection on: parsing, hashing, gathering, commit,
// confirmations.
func BenchmarkHandleLines(b *testing.B) {
	l, err := Open(Options{Blobs: InMemory, IndexEvery: 1 << 50, IdleAfter: 1 << 50})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	s := NewServer(l, ServerOptions{})
	client, server := net.Pipe()
	defer client.Close()
	c := newConnection(s, server)
	var lines []byte
	for i := range 100 {
		lines = fmt.Appendf(lines, `{"id":"%d","entry":{"n":"%010d","pad":"%0176d"}}`+"\n", i, i, 0)
	}
	source := &again{lines: lines}
	c.lines = protocol.NewLineReader(source, 1<<20)
	b.SetBytes(200)
	b.ReportAllocs()
	b.ResetTimer()
	for source.read/len(lines)*100 < b.N {
		if err := c.lines.Fill(); err != nil {
			b.Fatal(err)
		}
		if farewell := c.handleLines(); farewell != "" {
			b.Fatal(farewell)
		}
		c.out.mu.Lock()
		c.out.ready = c.out.ready[:0]
		c.out.mu.Unlock()
	}
	b.StopTimer()
	hold(l)()
	if topic, _ := l.hub.Lookup(mainLog); topic.Head() < uint64(b.N)/2 {
		b.Fatalf("%d of %d appends arrived", topic.Head(), b.N)
	}
}

// again reads as the same bytes again and again.
type again struct {
	lines []byte
	at    int
	read  int
}

func (a *again) Read(p []byte) (int, error) {
	n := copy(p, a.lines[a.at:])
	a.at = (a.at + n) % len(a.lines)
	a.read += n
	return n, nil
}

// Lines take the memory they need, also when the first entry is far larger than the
// others.
func TestLinesTakeWhatTheyNeed(t *testing.T) {
	var g batch
	s := submission{Append: order.Append{Log: mainLog, Entries: 1000}}
	for i := range s.Entries {
		text := []byte(`{}`)
		if i == 0 {
			text = fmt.Appendf(nil, `{"pad":"%0900000d"}`, 0)
		}
		s.entries = append(s.entries, entry{text, blobstore.Sum(text)})
	}
	g.add(deaf{}, &s)
	block := encodeBlock(&g.content, &order.Run{Log: 1, First: 1, Count: 1000})
	if len(block.Ends) != 1000 || cap(block.Lines) > 2*len(block.Lines) {
		t.Errorf("%d bytes for %d", cap(block.Lines), len(block.Lines))
	}
}

// One encoding of a batch for all tails.
func BenchmarkEncodeBlock(b *testing.B) {
	var g batch
	for _, s := range filled(256) {
		g.add(deaf{}, &s)
	}
	run := order.Run{Log: 1, First: 1, Count: 256}
	b.SetBytes(200)
	b.ReportAllocs()
	var block *hub.Block
	for n := 0; n < b.N; n += 256 {
		block = encodeBlock(&g.content, &run)
	}
	_ = block
}
