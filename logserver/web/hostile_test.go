package web_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/web"
)

// head is the beginning of a request, without the blank line that ends it.
func head(method, path string, headers ...string) string {
	lines := method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n"
	for _, h := range headers {
		lines += h + "\r\n"
	}
	return lines
}

// The catalogue: what is sent, and the status that comes back; 0: the connection is closed
// without a word.
func TestHostile(t *testing.T) {
	s := serve(t, setup{web: web.Options{
		HeaderTimeout: 300 * time.Millisecond, BodyTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond,
	}})
	const end = "\r\n"
	var all sync.WaitGroup
	for _, c := range []struct {
		name, sent string
		want       int
	}{
		{"slow head", "GET /logs HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", 0},
		{"slow request line", "GET /lo", 400},
		{"slow body", head("POST", "/logs/main", "Content-Length: 10") + end + "{}", 408},
		{"slow stream", head("POST", "/logs/main?atomic=false", "Content-Length: 10") + end + "{", 408},
		{"slow AllData", head("POST", "/", "Content-Length: 10") + end + "{", 408},
		{"slow body that nobody reads", head("POST", "/nothing", "Content-Length: 10") + end + "{", 404},
		{"slow gzip", head("POST", "/logs/main", "Content-Length: 10", "Content-Encoding: gzip") + end + "\x1f", 408},
		{"slow zstd", head("POST", "/logs/main", "Content-Length: 10", "Content-Encoding: zstd") + end + "\x28", 408},
		{"idle after an answer", head("GET", "/livez") + end, 200},
		{"huge header", head("GET", "/logs", "X-Huge: "+repeat("x", 17<<10)) + end, 431},
		{"many headers", "GET /logs HTTP/1.1\r\nHost: localhost\r\n" + repeat("X-A: b\r\n", 3000) + end, 431},
		{"huge path", "GET /" + repeat("x", 17<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
		{"headers that fit", head("GET", "/logs", "X-Large: "+repeat("x", 11<<10)) + end, 200},
		{"unknown path", head("GET", "/etc/passwd") + end, 404},
		{"unknown path in logs", head("GET", "/logs/main/1") + end, 404},
		{"logs with a slash", head("GET", "/logs/") + end, 404},
		{"double slash", head("GET", "//logs") + end, 404},
		{"double slash inside", head("GET", "/logs//main") + end, 404},
		{"double slash to elsewhere", head("GET", "//evil.example/..") + end, 404},
		{"dots", head("GET", "/logs/../metrics") + end, 404},
		{"encoded dots", head("GET", "/logs/%2e%2e/metrics") + end, 404},
		{"encoded dots as a log", head("GET", "/logs/%2e%2e") + end, 404},
		{"encoded slash", head("GET", "/logs/a%2fb") + end, 404},
		{"NUL", head("GET", "/logs/%00") + end, 404},
		{"NUL behind a name", head("POST", "/logs/main%00.txt", "Content-Length: 2") + end + "{}", 404},
		{"backslash", head("GET", `/logs/..\..\x`) + end, 404},
		{"bad escape", head("GET", "/logs/%zz") + end, 400},
		{"a file", head("GET", "/index.html") + end, 404},
		{"asterisk", head("OPTIONS", "*") + end, 404},
		{"whole address", head("GET", "http://localhost/logs") + end, 200},
		{"put", head("PUT", "/logs/main", "Content-Length: 2") + end + "{}", 405},
		{"delete", head("DELETE", "/logs/main") + end, 405},
		{"options", head("OPTIONS", "/logs/main") + end, 405},
		{"trace", head("TRACE", "/logs") + end, 405},
		{"post to logs", head("POST", "/logs", "Content-Length: 2") + end + "{}", 405},
		{"connect", "CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
		{"body of a get", head("GET", "/logs/main", "Content-Length: 2") + end + "{}", 400},
		{"chunked body of a get", head("GET", "/logs/main", "Transfer-Encoding: chunked") + end + "0\r\n\r\n", 400},
		{"line 7", head("POST", "/logs/main", "Content-Length: 21") + end + "{}\n{}\n{}\n{}\n{}\n{}\n{x}", 400},
		{"too large", head("POST", "/logs/main", "Content-Length: 100000000") + end + "{}", 413},
		{"negative length", head("POST", "/logs/main", "Content-Length: -1") + end, 400},
		{"two lengths", head("POST", "/logs/main", "Content-Length: 2", "Content-Length: 3") + end + "{}", 400},
		{"length and chunks", head("POST", "/logs/main", "Content-Length: 2", "Transfer-Encoding: chunked, identity") + end + "{}", 501},
		{"broken chunks", head("POST", "/logs/main", "Transfer-Encoding: chunked") + end + "zz\r\n{}", 400},
		{"broken chunks of a stream", head("POST", "/logs/main?atomic=false", "Transfer-Encoding: chunked") + end + "zz\r\n{}", 400},
		{"cross-site post", head("POST", "/logs/main", "Content-Length: 2", "Sec-Fetch-Site: cross-site") + end + "{}", 403},
		{"foreign origin", head("POST", "/logs/main", "Content-Length: 2", "Origin: https://evil.example") + end + "{}", 403},
		{"null origin", head("POST", "/", "Content-Length: 2", "Origin: null") + end + "{}", 403},
		{"own origin", head("POST", "/logs/own", "Content-Length: 2", "Origin: http://localhost") + end + "{}", 200},
		{"foreign host", "GET /logs HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
		{"foreign host that looks local", "GET /logs HTTP/1.1\r\nHost: localhost.evil.example:8089\r\n\r\n", 403},
		{"foreign address", "GET /logs HTTP/1.1\r\nHost: 192.0.2.1:8089\r\n\r\n", 403},
		{"local host and port", "GET /logs HTTP/1.1\r\nHost: LOCALHOST.:8089\r\n\r\n", 200},
		{"local address", "GET /logs HTTP/1.1\r\nHost: 127.0.0.1:8089\r\n\r\n", 200},
		{"local address of six", "GET /logs HTTP/1.1\r\nHost: [::1]:8089\r\n\r\n", 200},
		{"local address of six without a port", "GET /logs HTTP/1.1\r\nHost: [::1]\r\n\r\n", 200},
		{"no host", "GET /logs HTTP/1.1\r\n\r\n", 400},
		{"two hosts", head("GET", "/logs", "Host: localhost") + end, 400},
		{"an old version", "GET /logs HTTP/1.0\r\n\r\n", 200},
		{"a version too new", "GET /logs HTTP/3.0\r\nHost: localhost\r\n\r\n", 505},
		{"no version", "GET /logs\r\n\r\n", 400},
		{"space in a header's name", head("GET", "/logs", "X Y: z") + end, 400},
		{"NUL in a header", head("GET", "/logs", "X: a\x00b") + end, 400},
		{"half and FIN", "GET /logs HTTP/1.1\r\nHost: local", 400},
	} {
		all.Go(func() {
			conn, answers := s.raw(c.sent)
			if strings.HasSuffix(c.name, "FIN") {
				_ = conn.CloseWrite()
			}
			got, err := io.ReadAll(answers) // what is idle is closed in the end
			status, _, _ := strings.Cut(string(got), "\r\n")
			switch {
			case c.want == 0 && len(got) == 0:
			case c.want != 0 && strings.HasPrefix(status, "HTTP/1.") && strings.HasPrefix(status[len("HTTP/1.1"):], fmt.Sprintf(" %d ", c.want)):
			default:
				t.Errorf("%s: got %.200q (%v), want %d", c.name, got, err, c.want)
			}
		})
	}
	all.Wait()
	if head := s.log.HeadOf("main"); head != 0 {
		t.Errorf("%d entries were appended", head)
	}
	s.asUsual()
}

// asUsual appends and reads, as HTTP and as lines.
func (s *site) asUsual() {
	s.t.Helper()
	s.want(200, `{"index":…`, "POST", "/logs/usual", `{"as":"usual"}`)
	_, lines := s.raw(`{"id":"a","entry":{"as":"usual"},"log":"usual"}` + "\n" + `{"from":-1,"log":"usual"}` + "\n")
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"index":`) {
		s.t.Errorf("%q, %v", line, err)
	}
}

// What begins like a method and is none is a line; a method may come byte by byte.
func TestWhoSpeaksWhat(t *testing.T) {
	s := serve(t, setup{})
	_, lines := s.raw("GETS / HTTP/1.1\r\n")
	if line, _ := lines.ReadString('\n'); line != `{"error":"invalid JSON"}`+"\n" {
		t.Errorf("got %q", line)
	}
	conn, lines := s.raw("")
	for _, b := range []byte(head("GET", "/livez", "Connection: close") + "\r\n") {
		if _, err := conn.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if all := text(t, lines); !strings.HasPrefix(all, "HTTP/1.1 200 OK") {
		t.Errorf("got %q", all)
	}
}

// Connections that speak HTTP count towards MAX_CONNS, and no longer when they are closed.
func TestConnectionsCount(t *testing.T) {
	s := serve(t, setup{server: logserver.ServerOptions{MaxConns: 4}})
	var open []net.Conn
	for range 4 {
		conn, answers := s.raw(head("GET", "/livez") + "\r\n")
		if line, err := answers.ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
		open = append(open, conn)
	}
	_, answers := s.raw("")
	if _, err := answers.ReadByte(); err == nil {
		t.Fatal("one too many was served")
	}
	open[0].Close()
	for deadline := time.Now().Add(guard); ; {
		conn, answers := s.raw(`{"head":true}` + "\n")
		if line, _ := answers.ReadString('\n'); line == `{"head":0}`+"\n" {
			return
		}
		conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("a place that was given back was not given out")
		}
	}
}

// A read whose client is gone ends, and one that asks for nothing holds no place.
func TestReadersGo(t *testing.T) {
	s := serve(t, setup{})
	for range 10 {
		conn, answers := s.raw(head("GET", "/logs/main") + "\r\n")
		for line := ""; !strings.Contains(line, "current"); {
			var err error
			if line, err = answers.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		conn.Close()
	}
	s.until("ringlog_readers 0")
	s.until(`ringlog_connections{protocol="lines"} 0`)
}

// until waits for a line in the metrics.
func (s *site) until(line string) {
	s.t.Helper()
	for deadline := time.Now().Add(guard); ; {
		metrics := s.metrics()
		if strings.Contains(metrics, "\n"+line+"\n") {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no %s in\n%s", line, metrics)
		}
	}
}

func (s *site) metrics() string {
	s.t.Helper()
	return text(s.t, s.do("GET", "/metrics", "").Body)
}

// While appends are made, an answer that nobody takes holds up nobody else.
func TestStalledReader(t *testing.T) {
	s := serve(t, setup{web: web.Options{AnswerTimeout: 5 * time.Second}})
	s.fillWith("main", 1000, repeat("x", 10<<10))
	_, _ = s.raw(head("GET", "/logs/main") + "\r\n") // and reads nothing
	s.until("ringlog_readers 1")
	s.asUsual()
	answer := s.do("GET", "/logs/main?from=999&follow=false", "")
	if got := text(t, answer.Body); !strings.HasSuffix(got, "{\"current\":true}\n") {
		t.Errorf("got %q", got)
	}
}

func TestPipelined(t *testing.T) {
	s := serve(t, setup{})
	post := head("POST", "/logs/main", "Content-Length: 2") + "\r\n{}"
	_, answers := s.raw(post + post + head("GET", "/logs/main?follow=false", "Connection: close") + "\r\n")
	for i := 1; i <= 2; i++ {
		answer, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, answer.Body); got != fmt.Sprintf("{\"index\":%d,\"count\":1}\n", i) {
			t.Errorf("got %s", got)
		}
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, answer.Body); strings.Count(got, "\n") != 3 {
		t.Errorf("got %s", got)
	}
}
