package logserver_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guard is how long anything may take before a test gives up; nothing is
// measured by it.
const guard = 20 * time.Second

// serve runs a server over a log in memory, or as o says, until the test ends.
func serve(t *testing.T, o logserver.Options, so logserver.ServerOptions) string {
	t.Helper()
	return serveOn(t, o, so, func(l net.Listener) net.Listener { return l })
}

// serveOn is serve on what wrap makes of a listener.
func serveOn(t *testing.T, o logserver.Options, so logserver.ServerOptions, wrap func(net.Listener) net.Listener) string {
	t.Helper()
	var sound fs.FS // what must be sound in the end; who brings files looks after them
	if o.Blobs == "" && o.Files == nil {
		sound = fs.Memory()
		o.Files = sound
	}
	l, err := logserver.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := logserver.NewServer(l, so)
	done := make(chan error, 1)
	go func() { done <- s.Serve(wrap(listener)) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error("shutdown:", err)
		}
		if err := <-done; err != logserver.ErrServerClosed {
			t.Error("serve:", err)
		}
		if err := l.Close(); err != nil {
			t.Error("close:", err)
		}
		if sound == nil {
			return
		}
		if report, err := check.Data(check.Options{Files: sound}); err != nil {
			t.Errorf("check: %v (%+v)", err, report)
		}
	})
	return listener.Addr().String()
}

// talk is a connection that a test speaks on.
type talk struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, addr string) *talk {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(guard))
	return &talk{t, conn, bufio.NewReaderSize(conn, 64<<10)}
}

// send sends text in one write.
func (k *talk) send(text string) {
	k.t.Helper()
	if _, err := k.conn.Write([]byte(text)); err != nil {
		k.t.Fatal(err)
	}
}

// line returns the next line that is received, without its LF.
func (k *talk) line() string {
	k.t.Helper()
	line, err := k.lines.ReadString('\n')
	if err != nil {
		k.t.Fatalf("read: %v (after %q)", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

// expect receives lines and compares.
func (k *talk) expect(want ...string) {
	k.t.Helper()
	for _, w := range want {
		if got := k.line(); got != w {
			k.t.Fatalf("\n got %s\nwant %s", got, w)
		}
	}
}

// expectEnd wants the server to close, with nothing more to say.
func (k *talk) expectEnd() {
	k.t.Helper()
	if line, err := k.lines.ReadString('\n'); err == nil || line != "" {
		k.t.Fatalf("want the end, got %q, %v", line, err)
	}
}

// tcp is what the connection runs over.
func (k *talk) tcp() *net.TCPConn {
	if conn, ok := k.conn.(*tls.Conn); ok {
		return conn.NetConn().(*net.TCPConn)
	}
	return k.conn.(*net.TCPConn)
}

// half ends the sending side.
func (k *talk) half() { k.conn.(interface{ CloseWrite() error }).CloseWrite() }

// hold is a conversation: lines sent begin with "> ", lines wanted with "< ",
// "half" ends the sending side, "end" wants the server to close. Lines sent one
// after the other travel in one write.
func hold(t *testing.T, addr, script string) {
	t.Helper()
	k := dial(t, addr)
	var pending strings.Builder
	say := func() {
		if pending.Len() > 0 {
			k.send(pending.String())
			pending.Reset()
		}
	}
	for line := range strings.Lines(strings.TrimSpace(script)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "> "):
			pending.WriteString(line[2:] + "\n")
			continue
		case strings.HasPrefix(line, "< "):
			say()
			k.expect(line[2:])
		case line == "half":
			say()
			k.half()
		case line == "end":
			say()
			k.expectEnd()
		case line != "":
			t.Fatalf("what is %q?", line)
		}
	}
	say()
}

func TestConversations(t *testing.T) {
	for name, script := range map[string]string{
		"append, read to the head, and on": `
			> {"id":"a","entry":{"n":1}}
			< {"id":"a","index":1}
			> {"from":1}
			< {"index":1,"entry":{"n":1}}
			< {"current":true}
			> {"id":"b","entry":{"n":2},"log":"other"}
			< {"id":"b","index":1}
			> {"id":"c","entry":{ "n" : 3 }}
			< {"id":"c","index":2}`,
		"an echo follows its confirmation": `
			> {"from":1,"echo":true}
			< {"current":true}
			> {"id":"a","entry":{"n":1}}
			< {"id":"a","index":1}
			< {"index":1,"entry":{"n":1}}`,
		"a read is taken before the append ahead of it": `
			> {"id":"a","entry":{"n":1}}
			> {"from":1}
			< {"current":true}
			< {"id":"a","index":1}
			> {"id":"b","entry":{"n":2}}
			< {"id":"b","index":2}`,
		"a pull ends with the head and may be followed by another": `
			> {"id":"a","entries":[{"n":1},{"n":2},{"n":3}]}
			< {"id":"a","index":1,"count":3}
			> {"from":1,"read":2}
			< {"index":1,"entry":{"n":1}}
			< {"index":2,"entry":{"n":2}}
			< {"head":3}
			> {"from":3,"read":1}
			< {"index":3,"entry":{"n":3}}
			< {"head":3}
			> {"from":3,"read":2}
			< {"index":3,"entry":{"n":3}}
			< {"current":true}
			> {"id":"b","entry":{"n":4}}
			< {"id":"b","index":4}
			< {"index":4,"entry":{"n":4}}
			< {"head":4}`,
		"only one read at a time": `
			> {"from":1}
			< {"current":true}
			> {"from":1}
			< {"error":"already reading"}
			> {"id":"a","entry":{}}
			< {"id":"a","index":1}`,
		"half-close: everything is answered, reads stop at current": `
			> {"id":"a","entry":{"n":1}}
			< {"id":"a","index":1}
			> {"from":1}
			> {"id":"b","entry":{"n":2}}
			half
			< {"index":1,"entry":{"n":1}}
			< {"current":true}
			< {"id":"b","index":2}
			end`,
		"no follow": `
			> {"id":"a","entry":{"n":1}}
			< {"id":"a","index":1}
			> {"from":1,"follow":false}
			< {"index":1,"entry":{"n":1}}
			< {"current":true}
			> {"from":1,"follow":false,"read":1}
			< {"index":1,"entry":{"n":1}}
			< {"head":1}
			> {"from":2,"follow":false,"read":1}
			< {"current":true}`,
		"from the end": `
			> {"id":"a","entries":[{"n":1},{"n":2},{"n":3}]}
			< {"id":"a","index":1,"count":3}
			> {"from":-2,"follow":false}
			< {"index":2,"entry":{"n":2}}
			< {"index":3,"entry":{"n":3}}
			< {"current":true}
			> {"from":-9,"follow":false,"read":1}
			< {"index":1,"entry":{"n":1}}
			< {"head":3}
			> {"from":"2100-01-01T00:00:00Z","follow":false}
			< {"current":true}
			> {"from":"-1h","follow":false,"read":1}
			< {"index":1,"entry":{"n":1}}
			< {"head":3}`,
		"heads, logs, auth": `
			> {"head":true}
			< {"head":0}
			> {"auth":"x"}
			< {"auth":true}
			> {"logs":true}
			< {"logs":0}
			> {"id":"a","entry":{},"log":"z"}
			> {"id":"h","head":true,"log":"z"}
			< {"id":"a","index":1}
			< {"id":"h","head":1}
			> {"logs":true}
			< {"log":"z","first":1,"head":1}
			< {"logs":1}`,
		"exactly once, by producer": `
			> {"id":"a","entry":{"n":1},"producer":"p","seq":1}
			< {"id":"a","index":1}
			> {"id":"b","entry":{"n":1},"producer":"p","seq":1}
			< {"id":"b","index":1,"duplicate":true}
			> {"id":"c","entry":{"n":3},"producer":"p","seq":3}
			< {"id":"c","error":"seq is 1","seq":1}
			> {"id":"d","entry":{"n":2},"producer":"p","seq":2}
			< {"id":"d","index":2}`,
		"exactly once, by key; and conditions": `
			> {"id":"a","entry":{"n":1},"key":"k"}
			< {"id":"a","index":1}
			> {"id":"b","entry":{"n":1},"key":"k"}
			< {"id":"b","index":1,"duplicate":true}
			> {"id":"c","entry":{"n":2},"key":"k"}
			< {"id":"c","error":"key already used","index":1}
			> {"id":"d","entry":{"n":2},"after":0}
			< {"id":"d","error":"head is 1","head":1}
			> {"id":"e","entry":{"n":2},"after":1}
			< {"id":"e","index":2}`,
		"errors that stay": `
			> []
			< {"error":"invalid message"}
			> {"id":"a"}
			< {"error":"invalid message"}
			> {"id":"a","entry":1}
			< {"id":"a","error":"invalid message"}
			> {"id":"b","entry":{}}
			< {"id":"b","index":1}`,
		"an error that closes": `
			> {"id":"b","entry":{}}
			> nonsense
			> {"id":"c","entry":{}}
			< {"id":"b","index":1}
			< {"error":"invalid JSON"}
			end`,
	} {
		t.Run(name, func(t *testing.T) {
			hold(t, serve(t, logserver.Options{}, logserver.ServerOptions{}), script)
		})
	}
}
