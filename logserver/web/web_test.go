package web_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/web"
	"github.com/ringlog/ringlog/logserver/web/jq"
)

// filterMode as the first argument makes the test binary the process that runs jq.
const filterMode = "jq-filter"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == filterMode {
		os.Exit(int(jq.Main(os.Args[2], jq.Limits{Time: 500 * time.Millisecond}, os.Stdin, os.Stdout, os.Stderr)))
	}
	goleak.VerifyTestMain(m)
}

// guard is how long anything may take before a test gives up; nothing is measured by it.
const guard = 20 * time.Second

// site is a server under test.
type site struct {
	t      *testing.T
	scheme string
	addr   string
	server *logserver.Server
	log    *logserver.Log
	client *http.Client
	stop   func() // idempotent
}

type setup struct {
	files  *fs.Mem // of the segments; nil: new ones
	fails  bool    // the log, in the course of the test
	spoilt bool    // the data, likewise
	log    logserver.Options
	server logserver.ServerOptions
	web    web.Options
	wrap   func(net.Listener) net.Listener // nil: nothing is
}

// serve runs a server until the test ends; what it has written is then held against every
// invariant.
func serve(t *testing.T, o setup) *site {
	t.Helper()
	files := o.files
	if files == nil {
		files = fs.Memory()
	}
	o.log.Files = files
	l, err := logserver.Open(o.log)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.server.HTTP = web.Handler(o.web)
	s := &site{t: t, scheme: "http://", addr: listener.Addr().String(), log: l, server: logserver.NewServer(l, o.server)}
	transport := &http.Transport{DisableCompression: true}
	s.client = &http.Client{Transport: transport, Timeout: guard}
	if o.wrap != nil {
		listener = o.wrap(listener)
	}
	done := make(chan error, 1)
	go func() { done <- s.server.Serve(listener) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		if err := s.server.Shutdown(ctx); err != nil {
			t.Error("shutdown:", err)
		}
		if err := <-done; err != logserver.ErrServerClosed {
			t.Error("serve:", err)
		}
		if err := l.Close(); (err != nil) != o.fails {
			t.Error("close:", err)
		}
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		s.stop()
		if report, err := check.Data(check.Options{Files: files}); (err != nil) != o.spoilt {
			t.Errorf("check: %v (%+v)", err, report)
		}
	})
	return s
}

// do sends a request; headers come in pairs.
func (s *site) do(method, path, body string, headers ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.scheme+s.addr+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	p, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%v behind %q", err, p)
	}
	return string(p)
}

// want wants an answer with that status and body; of a body that ends in … only the beginning.
func (s *site) want(code int, body, method, path, sent string, headers ...string) {
	s.t.Helper()
	answer := s.do(method, path, sent, headers...)
	got := text(s.t, answer.Body)
	begin, some := strings.CutSuffix(body, "…")
	if answer.StatusCode != code || got != body && !(some && strings.HasPrefix(got, begin)) {
		s.t.Errorf("%s %s %.200s\n got %d %s\nwant %d %s", method, path, sent, answer.StatusCode, got, code, body)
	}
	if code >= 400 && method != http.MethodHead && !strings.Contains(got, `"remedy":"`) {
		s.t.Errorf("%s %s: no remedy in %s", method, path, got)
	}
}

// raw sends bytes on a connection of its own.
func (s *site) raw(sent string) (*net.TCPConn, *bufio.Reader) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(guard))
	if _, err := io.WriteString(conn, sent); err != nil {
		s.t.Fatal(err)
	}
	return conn.(*net.TCPConn), bufio.NewReader(conn)
}

func repeat(what string, n int) string { return string(bytes.Repeat([]byte(what), n)) }
