package logserver

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/order"
)

// One of 1,000 logs that share their batches, read from files.
func BenchmarkReadInterleaved(b *testing.B) {
	const logs, batches, perBatch = 1000, 300, 2000
	dir := b.TempDir()
	l, err := Open(Options{Blobs: filepath.Join(dir, "blobs"), DB: filepath.Join(dir, "db")})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	list := make([]submission, perBatch)
	for i := range list {
		text := fmt.Appendf(nil, `{"n":"%010d","pad":"%0176d"}`, i, 0)
		list[i] = submission{
			Append:  order.Append{Log: fmt.Appendf(nil, "log%04d", i%logs), Entries: 1},
			entries: []entry{{text, blobstore.Sum(text)}}, size: len(text),
		}
	}
	for range batches {
		l.submit(deaf{}, list)
	}
	hold(l)()
	c := cursor{log: l}
	b.SetBytes(200)
	b.ReportAllocs()
	b.ResetTimer()
	for n, log := 0, 0; n < b.N; log = (log + 1) % logs {
		topic, _ := l.hub.Lookup(fmt.Appendf(nil, "log%04d", log))
		for next := uint64(1); next <= topic.Head(); {
			_, sent, err := c.next(topic.ID(), next, topic.Head(), false, 256<<10)
			if err != nil {
				b.Fatal(err)
			}
			next += sent
			n += int(sent)
		}
		c.release()
	}
}
