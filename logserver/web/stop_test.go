package web_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver/web"
)

// A server that stops cuts reads off, and nobody takes what was cut off for complete.
func TestStopCutsReads(t *testing.T) {
	s := serve(t, setup{})
	s.fill("main", 3)
	live := s.do("GET", "/logs/main", "")
	lines := bufio.NewReader(live.Body)
	for range 4 {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	s.stop()
	if rest, err := io.ReadAll(lines); !errors.Is(err, io.ErrUnexpectedEOF) || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
}

// What had come of a body when the server stops is appended and told.
func TestStopEndsBodies(t *testing.T) {
	s := serve(t, setup{web: web.Options{StopGrace: time.Millisecond}})
	conn, answers := s.raw(head("POST", "/logs/main?atomic=false", "Content-Length: 1000", "Expect: 100-continue") + "\r\n")
	for range 2 {
		if line, err := answers.ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
	}
	io.WriteString(conn, "{}\n{}\n{")
	for deadline := time.Now().Add(guard); s.log.HeadOf("main") < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing is appended")
		}
	}
	s.stop()
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, answer.Body); answer.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(got, `{"error":"shutting down","appended":2,`) {
		t.Errorf("%d %s", answer.StatusCode, got)
	}
}

// Connections between requests are closed when the server stops, and so are those that come
// later.
func TestStopClosesIdle(t *testing.T) {
	s := serve(t, setup{})
	_, answers := s.raw(head("GET", "/livez") + "\r\n")
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	text(t, answer.Body)
	_, half := s.raw("GET /li")
	s.stop()
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	if rest, _ := io.ReadAll(half); len(rest) > 0 { // it may be reset: what was sent was perhaps not read
		t.Errorf("%q", rest)
	}
}

// When the time for stopping is over, what hangs on is cut.
func TestStopCutsInTheEnd(t *testing.T) {
	s := serve(t, setup{web: web.Options{StopGrace: time.Hour, BodyTimeout: time.Hour}})
	_, answers := s.raw(head("POST", "/logs/main", "Content-Length: 10", "Expect: 100-continue") + "\r\n")
	if line, err := answers.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, _ = io.ReadAll(answers) // it returns: the connection is cut
}
