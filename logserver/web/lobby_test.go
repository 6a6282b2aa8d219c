package web_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/web"
)

// entrance is a Lobby on one listener, and what may come behind it.
type entrance struct {
	t       *testing.T
	network string
	addr    string
	lobby   *web.Lobby
}

func enter(t *testing.T, network, addr string, maxConns int) *entrance {
	t.Helper()
	listener, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	e := &entrance{t, network, listener.Addr().String(), web.NewLobby(web.Options{Version: "v1.2.3"}, maxConns, listener)}
	t.Cleanup(e.lobby.Close)
	return e
}

// open has a server serve those who wait, until the test ends.
func (e *entrance) open() {
	e.t.Helper()
	log, err := logserver.Open(logserver.Options{Blobs: logserver.InMemory})
	if err != nil {
		e.t.Fatal(err)
	}
	server := logserver.NewServer(log, logserver.ServerOptions{HTTP: web.Handler(web.Options{})})
	done := make(chan error, 1)
	listener := e.lobby.Open()[0]
	go func() { done <- server.Serve(listener) }()
	e.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), guard)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			e.t.Error(err)
		}
		<-done
		if err := log.Close(); err != nil {
			e.t.Error(err)
		}
	})
}

// send opens a connection and sends pieces on it, one after the other.
func (e *entrance) send(pieces ...string) net.Conn {
	e.t.Helper()
	conn, err := net.Dial(e.network, e.addr)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(guard))
	for _, piece := range pieces {
		if _, err := io.WriteString(conn, piece); err != nil {
			e.t.Fatal(err)
		}
	}
	return conn
}

// ask returns all that is answered to a request.
func (e *entrance) ask(pieces ...string) string {
	e.t.Helper()
	answer, err := io.ReadAll(e.send(pieces...))
	if err != nil {
		e.t.Fatal(err)
	}
	return string(answer)
}

func (e *entrance) want(answer string, parts ...string) {
	e.t.Helper()
	for _, part := range parts {
		if !strings.Contains(answer, part) {
			e.t.Errorf("no %q in %s", part, answer)
		}
	}
}

const rest = " HTTP/1.1\r\nHost: localhost\r\n\r\n"

func TestHealthIsToldWhileTheLogIsBeingOpened(t *testing.T) {
	for network, addr := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		e := enter(t, network, addr, 2)
		e.want(e.ask("GET /readyz"+rest), "HTTP/1.1 503 ", "not ready: the log is being opened, 0 % ", "Retry-After: 1", "Connection: close")
		e.lobby.Waiting("no cluster: join one")
		e.want(e.ask("GET /readyz"+rest), "HTTP/1.1 503 ", "not ready: no cluster: join one")
		e.lobby.Waiting("")
		e.lobby.Progress(412, 1000)
		e.want(e.ask("GET /readyz"+rest), "HTTP/1.1 503 ", "the log is being opened, 41 % ")
		e.want(e.ask("GET /livez"+rest), "HTTP/1.1 200 ", "alive\n")
		e.want(e.ask("G", "ET /li", "vez?verbose"+rest), "HTTP/1.1 200 ", "alive\n")
		e.want(e.ask("HEAD /readyz"+rest), "HTTP/1.1 503 ")
		e.want(e.ask("GET /metrics"+rest), "\nringlog_ready 0\n", "\nringlog_opening_ratio 0.412\n", `version="v1.2.3"} 1`)
		for range 20 { // none of them stays
			e.want(e.ask("GET /livez"+rest), "alive\n")
		}
		if network == "tcp" {
			e.want(e.ask("GET /livez HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "HTTP/1.1 403 ")
		}
	}
}

// Who may not know everything learns no more than health.
func TestMetricsOfAGuardedLogAreNotToldWhileItIsBeingOpened(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &entrance{t, "tcp", listener.Addr().String(), web.NewLobby(web.Options{Guarded: true}, 2, listener)}
	defer e.lobby.Close()
	e.want(e.ask("GET /livez"+rest), "HTTP/1.1 200 ", "alive\n")
	metrics := e.ask("GET /metrics" + rest)
	e.want(metrics, "HTTP/1.1 503 ", "not ready: the log is being opened")
	if strings.Contains(metrics, "ringlog_") {
		t.Error(metrics)
	}
}

func TestOthersWaitAndAreServed(t *testing.T) {
	e := enter(t, "tcp", "127.0.0.1:0", 100)
	silent := e.send()
	lines := e.send(`{"id":"a","entry":{}}`, "\n", `{"head":true,"id":"h"}`+"\n")
	half := e.send(`{"head"`)
	request := e.send("GET /logs" + rest)
	similar := e.send("GET /livez2" + rest)
	begun := e.send("GET /li") // may yet become either
	e.send("{").Close()
	e.want(e.ask("GET /livez"+rest), "alive\n")
	e.open()
	read := bufio.NewReader(lines)
	for _, want := range []string{`{"id":"a","index":1}`, `{"id":"h","head":1}`} {
		if got, err := read.ReadString('\n'); got != want+"\n" {
			t.Errorf("got %q (%v), want %s", got, err, want)
		}
	}
	e.expect(silent, "{\"logs\":true}\n", `{"log":"main","first":1,"head":1}`)
	e.expect(half, ":true}\n", `{"head":1}`)
	e.expect(request, "", "HTTP/1.1 200 OK")
	e.expect(similar, "", "HTTP/1.1 404 Not Found")
	e.expect(begun, "vez"+rest, "HTTP/1.1 200 OK")
	e.want(e.ask("GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n"), "HTTP/1.0 200 ", "ready\n")
}

// expect sends more and wants the next line to be this one.
func (e *entrance) expect(conn net.Conn, more, want string) {
	e.t.Helper()
	if _, err := io.WriteString(conn, more); err != nil {
		e.t.Fatal(err)
	}
	got, err := bufio.NewReader(conn).ReadString('\n')
	if strings.TrimSpace(got) != want {
		e.t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestALobbyIsAsLargeAsMaxConns(t *testing.T) {
	e := enter(t, "tcp", "127.0.0.1:0", 2)
	var waiting []net.Conn
	for i := range 5 {
		waiting = append(waiting, e.send(fmt.Sprintf("{\"head\":true,\"id\":\"%d\"}\n", i)))
	}
	asking := e.send("GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n")
	e.open()
	for i, conn := range waiting {
		e.expect(conn, "", fmt.Sprintf(`{"id":"%d","head":0}`, i))
	}
	e.expect(asking, "", "HTTP/1.0 200 OK")
}

// A start that fails leaves nobody waiting.
func TestAClosedLobbyClosesWhoWaits(t *testing.T) {
	e := enter(t, "tcp", "127.0.0.1:0", 10)
	silent, lines := e.send(), e.send("{\"head\":true}\n")
	e.want(e.ask("GET /livez"+rest), "alive\n")
	e.lobby.Close()
	for _, conn := range []net.Conn{silent, lines} {
		if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
	if conn, err := net.Dial("tcp", e.addr); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}
