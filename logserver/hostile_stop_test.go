package logserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

// While the server stops, what arrived is answered, in order; what was
// confirmed is there afterwards, and nothing else was said.
func TestHostileStopUnderLoad(t *testing.T) {
	for range 2 {
		stopUnderLoad(t)
	}
}

func stopUnderLoad(t *testing.T) {
	t.Helper()
	files := fs.Memory()
	l, err := logserver.Open(logserver.Options{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := logserver.NewServer(l, logserver.ServerOptions{Linger: guard})
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	var all sync.WaitGroup
	confirmed := make([]map[uint64]string, 4)
	ready := make(chan struct{}, len(confirmed))
	for i := range confirmed {
		k := dial(t, listener.Addr().String())
		confirmed[i] = map[uint64]string{}
		all.Go(func() { flood(k, i) })
		all.Go(func() { collect(t, k, i, confirmed[i], ready) })
	}
	for range confirmed {
		<-ready
	}
	ctx, cancel := context.WithTimeout(context.Background(), guard)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error("shutdown:", err)
	}
	all.Wait()
	if err := <-served; err != logserver.ErrServerClosed {
		t.Error("serve:", err)
	}
	if err := l.Close(); err != nil {
		t.Error("close:", err)
	}
	if _, err := check.Data(check.Options{Files: files}); err != nil {
		t.Error("check:", err)
	}
	k := dial(t, serve(t, logserver.Options{Files: files}, logserver.ServerOptions{}))
	k.send(`{"from":1,"follow":false}` + "\n")
	for r := k.receive(); !r.Current; r = k.receive() {
		for _, entries := range confirmed {
			if text, ok := entries[r.Index]; ok && text != string(r.Entry) {
				t.Fatalf("%d is %s, was confirmed as %s", r.Index, r.Entry, text)
			}
			delete(entries, r.Index)
		}
	}
	for _, entries := range confirmed {
		if len(entries) > 0 {
			t.Fatalf("%d confirmed entries are gone", len(entries))
		}
	}
}

// flood appends until the server takes no more.
func flood(k *talk, who int) {
	for n := 0; ; n++ {
		if _, err := fmt.Fprintf(k.conn, `{"id":"%d","entry":{"who":%d,"n":%d}}`+"\n", n, who, n); err != nil {
			return
		}
	}
}

// collect notes what is confirmed, and wants nothing else than refusals behind it.
func collect(t *testing.T, k *talk, who int, confirmed map[uint64]string, ready chan<- struct{}) {
	refused := false
	for n := 0; ; n++ {
		line, err := k.lines.ReadString('\n')
		if err != nil {
			if line != "" || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the connection ends with %q, %v", line, err)
			}
			if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
			k.conn.Close()
			return
		}
		var index uint64
		if line == fmt.Sprintf(`{"id":"%d","error":"shutting down"}`+"\n", n) {
			refused = true
		} else if _, err := fmt.Sscanf(line, fmt.Sprintf(`{"id":"%d","index":%%d}`, n), &index); err != nil || refused {
			t.Errorf("answer to %d: %s (refused before: %v)", n, line, refused)
		} else {
			confirmed[index] = fmt.Sprintf(`{"who":%d,"n":%d}`, who, n)
		}
		if n == 100 {
			ready <- struct{}{}
		}
	}
}
