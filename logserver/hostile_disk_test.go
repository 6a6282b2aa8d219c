package logserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
)

// A full disk: appends are refused and use nothing up, reads and heads go on,
// and when there is space again so do appends, on the same connection.
func TestHostileFullDisk(t *testing.T) {
	files := fs.Memory()
	var full atomic.Bool
	files.SetHook(func(op fs.Op) error {
		if full.Load() && (op.Kind == fs.OpAllocate || op.Kind == fs.OpCreate) {
			return fs.ErrNoSpace
		}
		return nil
	})
	addr := checked(t, logserver.Options{Files: files, Segment: 64 << 10}, logserver.ServerOptions{})
	k := dial(t, addr)
	line := func(seq int) string {
		return fmt.Sprintf(`{"id":"%d","producer":"p","seq":%d,"key":"k%d","entry":{"pad":"%s"}}`+"\n",
			seq, seq, seq, strings.Repeat("x", 20<<10))
	}
	tail := dial(t, addr)
	tail.send(`{"from":1}` + "\n")
	tail.expect(`{"current":true}`)
	next := 1
	for range 3 {
		full.Store(true)
		for ; ; next++ {
			k.send(line(next))
			if r := k.receive(); r.Error == "disk full" && r.ID == fmt.Sprint(next) {
				break
			} else if r.Index != uint64(next) {
				t.Fatalf("%+v, want %d or disk full", r, next)
			}
			if r := tail.receive(); r.Index != uint64(next) {
				t.Fatalf("the tail is at %d, want %d", r.Index, next)
			}
		}
		k.send(line(next) + `{"id":"h","head":true}` + "\n" + `{"from":-1,"read":1}` + "\n")
		for range 4 {
			r := k.receive()
			if head := uint64(next - 1); r.Head != nil && *r.Head != head || r.ID == fmt.Sprint(next) && r.Error != "disk full" || r.Entry != nil && r.Index != head {
				t.Fatalf("%+v on a full disk", r)
			}
		}
		full.Store(false)
		k.send(line(next))
		k.expect(fmt.Sprintf(`{"id":"%d","index":%d}`, next, next))
		tail.receive()
		next++
	}
}

// A failed flush: the outcome is unknown, said once to each who waits, and
// nothing is confirmed any more; what was is there afterwards.
func TestHostileFailedFlush(t *testing.T) {
	for _, kind := range []fs.OpKind{fs.OpSync, fs.OpWriteAt} {
		t.Run(string(kind), func(t *testing.T) { failedFlush(t, kind) })
	}
}

func failedFlush(t *testing.T, kind fs.OpKind) {
	files := fs.Memory()
	var broken atomic.Bool
	files.SetHook(func(op fs.Op) error {
		if broken.Load() && op.Kind == kind && op.Name != "MARK" {
			return errors.New("injected")
		}
		return nil
	})
	l, err := logserver.Open(logserver.Options{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	addr := serveLog(t, l)
	k := dial(t, addr)
	k.send(`{"id":"a","entry":{"n":1},"producer":"p","seq":1}` + "\n")
	k.expect(`{"id":"a","index":1}`)
	broken.Store(true)
	k.send(`{"id":"b","entry":{"n":2},"producer":"p","seq":2}` + "\n")
	k.expect(`{"id":"b","error":"unknown outcome"}`)
	k.send(`{"id":"c","entry":{"n":3}}` + "\n")
	if r := k.receive(); r.Error == "" || r.Index != 0 {
		t.Fatalf("after the failure: %+v", r)
	}
	if err := l.Close(); err == nil {
		t.Error("the failure is not told by Close")
	}
	broken.Store(false)
	again := dial(t, checked(t, logserver.Options{Files: files}, logserver.ServerOptions{}))
	again.send(`{"id":"a","entry":{"n":1},"producer":"p","seq":1}` + "\n")
	again.expect(`{"id":"a","index":1,"duplicate":true}`)
	again.send(`{"id":"b","entry":{"n":2},"producer":"p","seq":2}` + "\n")
	if r := again.receive(); r.Index != 2 {
		t.Fatalf("sent again: %+v", r)
	}
	again.send(`{"id":"h","head":true}` + "\n")
	again.expect(`{"id":"h","head":2}`)
}

// serveLog serves a log that the test itself closes.
func serveLog(t *testing.T, l *logserver.Log) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := logserver.NewServer(l, logserver.ServerOptions{StopTimeout: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error("shutdown:", err)
		}
		<-done
	})
	return listener.Addr().String()
}

// A time is the first entry at or after it, whatever the clock does: times
// never go back.
func TestHostileClock(t *testing.T) {
	var now atomic.Int64
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339Nano) }
	now.Store(start.UnixNano())
	addr := checked(t, logserver.Options{Now: func() time.Time { return time.Unix(0, now.Load()) }}, logserver.ServerOptions{})
	k := dial(t, addr)
	clock := []time.Duration{0, time.Hour, time.Hour + 1, -time.Hour * 87600, 30 * time.Minute, 2 * time.Hour, 2 * time.Hour}
	for i, d := range clock {
		now.Store(start.Add(d).UnixNano())
		k.send(fmt.Sprintf(`{"id":"a","entry":{"n":%d}}`+"\n", i+1))
		k.receive()
	}
	k.send(`{"from":1,"follow":false,"meta":true}` + "\n")
	for i, d := range []time.Duration{0, time.Hour, time.Hour + 1, time.Hour + 1, time.Hour + 1, 2 * time.Hour, 2 * time.Hour} {
		want := fmt.Sprintf(`{"index":%d,"time":"%s","hash":"`, i+1, start.Add(d).Format("2006-01-02T15:04:05.000000000Z"))
		if got := k.line(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	k.expect(`{"current":true}`)
	for from, want := range map[string]int{
		at(-time.Hour): 1, at(0): 1, at(1): 2, at(time.Hour): 2, at(time.Hour + 1): 3, at(time.Hour + 2): 6,
		at(2 * time.Hour): 6, at(2*time.Hour + 1): 8, "0001-01-01T00:00:00Z": 1, "9999-12-31T23:59:59Z": 8,
		"2026-11-20T11:00:00+01:00": 1, "2026-11-20t10:00:00.0000000009z": 1,
		"-2h": 1, "-1h": 2, "-59m59s": 6, "-0s": 6, "-0.5h": 6, "-1d": 1,
	} {
		k.send(fmt.Sprintf(`{"from":"%s","follow":false,"read":1}`+"\n", from))
		if want == 8 {
			k.expect(`{"current":true}`)
			continue
		}
		k.expect(fmt.Sprintf(`{"index":%d,"entry":{"n":%d}}`, want, want), `{"head":7}`)
	}
}

// The server remembers the 65,536 producers used last; a duplicate is a use.
func TestHostileManyProducers(t *testing.T) {
	k := dial(t, checked(t, logserver.Options{}, logserver.ServerOptions{}))
	use := func(producer, seq int) string {
		return fmt.Sprintf(`{"id":"a","entry":[],"producer":"p%d","seq":%d}`+"\n", producer, seq)
	}
	const remembered = 65_536
	go func() {
		var text strings.Builder
		for i := range remembered {
			text.WriteString(use(i, 1))
		}
		k.conn.Write([]byte(text.String()))
	}()
	for i := range remembered {
		k.expect(fmt.Sprintf(`{"id":"a","index":%d}`, i+1))
	}
	for _, c := range []struct {
		producer, seq int
		want          string
	}{
		{1, 1, `{"id":"a","index":2,"duplicate":true}`},
		{0, 2, `{"id":"a","index":65537}`},
		{remembered, 1, `{"id":"a","index":65538}`}, // one is forgotten: 2, or 1 if a duplicate is no use
		{0, 3, `{"id":"a","index":65539}`},
		{3, 2, `{"id":"a","index":65540}`},
	} {
		k.send(use(c.producer, c.seq))
		k.expect(c.want)
	}
	k.send(use(1, 2) + use(2, 2))
	if one, two := k.receive(), k.receive(); (one.Error == "") == (two.Error == "") {
		t.Errorf("one of them is forgotten: %+v, %+v", one, two)
	}
}
