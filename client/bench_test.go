package client

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/protocol"
)

// quickServer confirms appends as fast as can be and stores nothing, so that
// what is measured is the client and the sockets.
func quickServer(b *testing.B) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		confirmAll(conn)
	})
	b.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

func confirmAll(conn net.Conn) {
	lines := protocol.NewLineReader(conn, 1<<20)
	var out []byte
	for index := uint64(1); ; {
		if err := lines.Fill(); err != nil {
			return
		}
		out = out[:0]
		for line, ok := lines.Next(); ok; line, ok = lines.Next() {
			if bytes.HasPrefix(line, []byte(`{"head"`)) {
				out = protocol.AppendHead(out, nil, index-1)
				continue
			}
			id := line[len(`{"id":`):]
			id = id[:bytes.IndexByte(id, ',')]
			out = protocol.AppendConfirmation(out, id, index, 0, false)
			index++
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func benchmarkEntry(size int) []byte {
	return fmt.Appendf(nil, `{"pad":"%s"}`, strings.Repeat("x", size-len(`{"pad":""}`)))
}

// One goroutine, as many on their way as MaxUnanswered allows.
func BenchmarkAppendAsync(b *testing.B) {
	c := newClient(b, quickServer(b))
	entry := benchmarkEntry(200)
	b.ReportAllocs()
	b.SetBytes(int64(len(entry)))
	for b.Loop() {
		c.AppendAsync(context.Background(), entry)
	}
	if err := c.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
	c.Close()
}

// One append at a time.
func BenchmarkAppend(b *testing.B) {
	c := newClient(b, quickServer(b))
	entry := benchmarkEntry(200)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Append(context.Background(), entry); err != nil {
			b.Fatal(err)
		}
	}
	c.Close()
}

// Many goroutines, one append each at a time.
func BenchmarkAppendParallel(b *testing.B) {
	c := newClient(b, quickServer(b))
	entry := benchmarkEntry(200)
	b.ReportAllocs()
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Append(context.Background(), entry); err != nil {
				b.Error(err)
			}
		}
	})
	c.Close()
}
