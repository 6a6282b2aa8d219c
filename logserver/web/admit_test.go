package web_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
	"github.com/ringlog/ringlog/protocol"
)

func tokenLine(token, grants string) string {
	return fmt.Sprintf("%s %x %s\n", "of-"+token, sha256.Sum256([]byte(token)), grants)
}

func guarded(t *testing.T, file string, lines ...string) *access.Guard {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	guard, err := access.OpenGuard(file)
	if err != nil {
		t.Fatal(err)
	}
	return guard
}

// Every path, with every kind of token: the status that comes back.
func TestTokens(t *testing.T) {
	guard := guarded(t, filepath.Join(t.TempDir(), "tokens"),
		tokenLine("all", "read,append *"), tokenLine("read", "read *"), tokenLine("append", "append *"), tokenLine("admin", "admin *"),
		tokenLine("app", "read,append app.*"))
	s := serve(t, setup{server: logserver.ServerOptions{Guard: guard}})
	post := func(path, body string) [3]string { return [3]string{"POST", path, body} }
	get := func(path string) [3]string { return [3]string{"GET", path, ""} }
	s.want(200, "{\"index\":1,\"count\":1}\n", "POST", "/logs/main", "{}", "Authorization", "Bearer all")
	digest := fmt.Sprintf("%x", sha256.Sum256([]byte("{}")))
	tokens := []string{"", "wrong", "all", "read", "append", "admin", "app"}
	for _, c := range []struct {
		request [3]string
		want    [7]int
	}{
		{get("/livez"), [7]int{200, 200, 200, 200, 200, 200, 200}},
		{get("/readyz"), [7]int{200, 200, 200, 200, 200, 200, 200}},
		{get("/"), [7]int{200, 200, 200, 200, 200, 200, 200}},
		{get("/metrics"), [7]int{401, 401, 200, 200, 403, 200, 403}},
		{get("/logs"), [7]int{401, 401, 200, 200, 200, 200, 200}},
		{get("/logs/main?follow=false"), [7]int{401, 401, 200, 200, 403, 403, 403}},
		{get("/logs/app.x?follow=false"), [7]int{401, 401, 200, 200, 403, 403, 200}},
		{[3]string{"HEAD", "/logs/main", ""}, [7]int{401, 401, 200, 200, 200, 403, 403}},
		{get("/blobs/" + digest), [7]int{401, 401, 200, 200, 403, 403, 403}},
		{post("/logs/main", "{}"), [7]int{401, 401, 200, 403, 200, 403, 403}},
		{post("/logs/main?atomic=false", "{}"), [7]int{401, 401, 200, 403, 200, 403, 403}},
		{post("/logs/app.x", "{}"), [7]int{401, 401, 200, 403, 200, 403, 200}},
		{post("/", `{"key":"k","event":{}}`), [7]int{401, 401, 201, 403, 201, 403, 403}},
	} {
		for i, token := range tokens {
			var headers []string
			if token != "" {
				headers = []string{"Authorization", "Bearer " + token}
			}
			answer := s.do(c.request[0], c.request[1], c.request[2], headers...)
			said := text(t, answer.Body)
			if answer.StatusCode != c.want[i] {
				t.Errorf("%v with %q: %d, want %d", c.request, token, answer.StatusCode, c.want[i])
			}
			if c.want[i] == 401 && answer.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%v with %q: no challenge", c.request, token)
			}
			if c.want[i] > 400 && c.request[0] != "HEAD" && !strings.Contains(said, `"remedy":`) {
				t.Errorf("%v with %q: %s", c.request, token, said)
			}
		}
	}
	s.want(200, `{"logs":[{"log":"app.x",…`, "GET", "/logs", "", "Authorization", "bearer app")
	s.want(200, "{\"logs\":[]}\n", "GET", "/logs", "", "Authorization", "Bearer admin")
}

// Headers that are no token, and many that are wrong.
func TestHostileTokens(t *testing.T) {
	guard := guarded(t, filepath.Join(t.TempDir(), "tokens"), tokenLine("right", "read *"))
	s := serve(t, setup{server: logserver.ServerOptions{Guard: guard}})
	for _, said := range []string{
		"right", "Basic right", "Bearer", "Bearer ", "Bearer right x", "Bearer Right", "Bearer\tright", "Bearer " + repeat("x", 9000),
		"Bearer right\r\nAuthorization: Bearer right",
	} {
		_, answers := s.raw(head("GET", "/logs", "Authorization: "+said) + "\r\n")
		if status, err := answers.ReadString('\n'); err != nil || !strings.HasPrefix(status, "HTTP/1.1 401 ") {
			t.Errorf("%.40q: %q, %v", said, status, err)
		}
	}
	for range 100 {
		answer := s.do("GET", "/logs", "", "Authorization", "Bearer wrong")
		if answer.StatusCode == http.StatusTooManyRequests {
			if answer.Header.Get("Retry-After") == "" {
				t.Error("it does not say for how long")
			}
			return
		}
		if answer.StatusCode != http.StatusUnauthorized {
			t.Fatal(answer.Status)
		}
	}
	t.Error("there is no end of wrong tokens")
}

// A read ends when its token is taken away, and does not look complete.
func TestRevokedToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	guard := guarded(t, file, tokenLine("goes", "read *"), tokenLine("stays", "append *"))
	s := serve(t, setup{server: logserver.ServerOptions{Guard: guard}})
	answer := s.do("GET", "/logs/main", "", "Authorization", "Bearer goes")
	lines := bufio.NewReader(answer.Body)
	if line, err := lines.ReadString('\n'); line != "{\"current\":true}\n" {
		t.Fatal(line, err)
	}
	if err := os.WriteFile(file, []byte(tokenLine("stays", "append *")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := guard.Reload(); err != nil {
		t.Fatal(err)
	}
	if line, err := lines.ReadString('\n'); err == nil || err.Error() != "unexpected EOF" {
		t.Fatalf("%q, %v", line, err)
	}
	s.want(200, `{"index":1,…`, "POST", "/logs/main", "{}", "Authorization", "Bearer stays")
}

// encrypted is a server with TLS, whose clients are on another machine if elsewhere says so.
func encrypted(t *testing.T, o setup) (*site, *tls.Config) {
	t.Helper()
	ca, dir := accesstest.NewCA(t), t.TempDir()
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	var err error
	o.server.Certificates, err = access.NewCertificates(access.Files{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "ca.pem"),
	}, o.server.Guard != nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, o)
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", Certificates: []tls.Certificate{ca.ClientPair(nil)}}
	s.client.Transport.(*http.Transport).TLSClientConfig = config
	s.client.Transport.(*http.Transport).ForceAttemptHTTP2 = true // it is not spoken, and that is said
	s.scheme = "https://"
	return s, config
}

func TestHTTPS(t *testing.T) {
	s, config := encrypted(t, setup{})
	s.want(200, "{\"index\":1,\"count\":2}\n", "POST", "/logs/main", `{"n":1}`+"\n"+`{"n":2}`)
	s.want(200, "{\"index\":3,\"last\":3,\"count\":1}\n", "POST", "/logs/main?atomic=false", `{"pad":"`+repeat("x", 900_000)+`"}`)
	answer := s.do("GET", "/logs/main?follow=false", "")
	if got := text(t, answer.Body); len(got) < 900_000 || !strings.HasSuffix(got, "{\"current\":true}\n") || answer.Proto != "HTTP/1.1" {
		t.Errorf("%.200s", got)
	}
	live := s.do("GET", "/logs/main?from=4", "", "Accept", "text/event-stream")
	events := bufio.NewReader(live.Body)
	if line, err := events.ReadString('\n'); line != "data: {\"current\":true}\n" {
		t.Fatal(line, err)
	}
	conn, err := tls.Dial("tcp", s.addr, config) // lines, beside it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(`{"id":"a","entry":{"n":4}}` + "\n")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\n", "id: 4\n", "data: {\"index\":4,\"entry\":{\"n\":4}}\n"} {
		if line, err := events.ReadString('\n'); line != want {
			t.Fatalf("%q, want %q (%v)", line, want, err)
		}
	}
	_, answers := s.raw(head("GET", "/readyz", "Connection: close") + "\r\n") // a probe has none
	if got := text(t, answers); !strings.HasPrefix(got, "HTTP/1.1 200 ") {
		t.Error(got)
	}
	// Without TLS there is no certificate.
	_, answers = s.raw(head("POST", "/logs/main", "Content-Length: 2") + "\r\n{}")
	if got := text(t, answers); !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.Contains(got, protocol.ErrorTLSWanted) || !strings.Contains(got, "https://") {
		t.Error(got)
	}
}

// elsewhere makes connections come from another machine.
type elsewhere struct{ net.Listener }

func (l elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return elsewhereConn{conn.(*net.TCPConn)}, nil
}

type elsewhereConn struct{ *net.TCPConn }

func (elsewhereConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 1}
}

func TestPlainWhereTLSIsWanted(t *testing.T) {
	guard := guarded(t, filepath.Join(t.TempDir(), "tokens"), tokenLine("t", "read,append *"))
	s, _ := encrypted(t, setup{wrap: func(l net.Listener) net.Listener { return elsewhere{l} }, server: logserver.ServerOptions{Guard: guard}})
	for _, path := range []string{"/livez", "/logs", "/", "/nothing"} {
		_, answers := s.raw(head("GET", path, "Authorization: Bearer t") + "\r\n")
		if got := text(t, answers); !strings.HasPrefix(got, "HTTP/1.1 403 ") || !strings.Contains(got, protocol.ErrorTLSWanted) {
			t.Errorf("%s: %s", path, got)
		}
	}
	s.want(200, "{\"logs\":[]}\n", "GET", "/logs", "", "Authorization", "Bearer t")
}
