package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a step may take before a test calls it hanging.
const patience = 30 * time.Second

// store is an embedding program: it keeps what is put, and refuses or fails on demand of the key.
type store struct {
	mu     sync.Mutex // guards the following
	events map[string]string
	puts   int
}

func (s *store) put(_ context.Context, key string, event []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.puts++
	switch {
	case strings.HasPrefix(key, "refuse"):
		return fmt.Errorf("%w: %s is no key of mine", ErrRefused, key)
	case strings.HasPrefix(key, "fail"):
		return errors.New("the disk of 10.0.0.7 is broken")
	}
	if s.events == nil {
		s.events = map[string]string{}
	}
	s.events[key] = string(event)
	return nil
}

func (s *store) get(key string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	event, ok := s.events[key]
	return event, ok
}

func listen(t *testing.T, put Put, options PutOptions) *PutServer {
	t.Helper()
	s, err := ListenPut("127.0.0.1:0", put, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ask sends bytes on a connection of their own and returns the first answer; its status is 0 if there is none.
func ask(t *testing.T, s *PutServer, request string) (status int, header http.Header, body string) {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(c, request) // an early answer may close the connection under it
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer response.Body.Close()
	if response.Close { // ReadResponse has taken it out
		response.Header.Set("Connection", "close")
	}
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(text)
}

func request(method, path, header, body string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: peer\r\n%sContent-Length: %d\r\n\r\n%s", method, path, header, len(body), body)
}

func TestAnswers(t *testing.T) {
	var events store
	s := listen(t, events.put, PutOptions{MaxBody: 1000})
	fits := `{"key":"fits","event":"` + strings.Repeat("x", 1000-len(`{"key":"fits","event":""}`)) + `"}`
	for _, c := range []struct {
		name, request string
		status        int
		text          string // in the body of the answer
	}{
		{"a put", request("POST", "/", "", `{"key":"a","event":{"n":1}}`), 201, ""},
		{"any path", request("POST", "/any/path?x=y", "", `{"key":"b","event":[]}`), 201, ""},
		{"chunked, as npm's client sends", "POST / HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n" +
			"16\r\n{\"key\":\"c\",\"event\":{}}\r\n0\r\n\r\n", 201, ""},
		{"HTTP/1.0", "POST / HTTP/1.0\r\nContent-Length: 21\r\n\r\n{\"key\":\"d\",\"event\":1}", 201, ""},
		{"the same again", request("POST", "/", "", `{"key":"a","event":{"n":1}}`), 201, ""},
		{"as long as may be", request("POST", "/", "", fits), 201, ""},
		{"one byte longer", request("POST", "/", "", fits+" "), 413, "longer than 1000 bytes"},
		{"endless", "POST / HTTP/1.1\r\nHost: p\r\nContent-Length: 99999999999999\r\n\r\n" + strings.Repeat(" ", 2000), 413, "longer"},
		{"not JSON", request("POST", "/", "", `{foo: 'bar'}`), 400, "want one JSON object"},
		{"empty", request("POST", "/", "", ""), 400, "want one JSON object"},
		{"no event", request("POST", "/", "", `{"key":"k"}`), 400, "missing"},
		{"bad chunks", "POST / HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "body is not"},
		{"refused", request("POST", "/", "", `{"key":"refuse me","event":1}`), 400, "refuse me is no key of mine"},
		{"failed", request("POST", "/", "", `{"key":"fail","event":1}`), 500, "send the same event"},
		{"another site", request("POST", "/", "Origin: http://evil.example\r\n", `{"key":"evil","event":1}`), 403, "origin"},
		{"a page of another site", request("POST", "/", "Sec-Fetch-Site: cross-site\r\n", `{"key":"evil","event":1}`), 403, "origin"},
		{"no HTTP", "{\"key\":\"k\",\"event\":1}\n\n\n\n", 400, ""},
		{"huge header", request("POST", "/", "X: "+strings.Repeat("x", 1<<16)+"\r\n", ""), 431, ""},
	} {
		status, header, body := ask(t, s, c.request)
		if status != c.status || !strings.Contains(body, c.text) || status == 201 && body != "" {
			t.Errorf("%s: %d %q %v, want %d %q", c.name, status, body, header, c.status, c.text)
		}
		if strings.Contains(body, "10.0.0.7") {
			t.Errorf("%s: the client is told %q", c.name, body)
		}
	}
	for _, method := range []string{"GET", "PUT", "DELETE", "OPTIONS", "post", "PATCH"} {
		if status, header, _ := ask(t, s, request(method, "/", "", `{"key":"m","event":1}`)); status != 405 || header.Get("Allow") != "POST" {
			t.Errorf("%s: %d %v", method, status, header)
		}
	}
	if len(events.events) != 5 || events.events["a"] != `{"n":1}` || events.puts != 8 {
		t.Errorf("%d puts: %v", events.puts, events.events)
	}
}

func TestManyPutsOnOneConnection(t *testing.T) {
	var events store
	s := listen(t, events.put, PutOptions{MaxPuts: 1})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(c)
	for i := range 50 {
		_, _ = io.WriteString(c, request("POST", "/", "", fmt.Sprintf(`{"key":"%d","event":%d}`, i, i)))
		response, err := http.ReadResponse(r, nil)
		if err != nil || response.StatusCode != http.StatusCreated {
			t.Fatalf("%d: %v, %v", i, response, err)
		}
	}
	if event, ok := events.get("49"); !ok || event != "49" {
		t.Errorf("%q, %v", event, ok)
	}
}

// A client that sends half and then nothing loses its connection, and nothing is put.
func TestHalfARequest(t *testing.T) {
	var events store
	s := listen(t, events.put, PutOptions{ReadTime: 20 * time.Millisecond})
	if status, header, body := ask(t, s, "POST / HTTP/1.1\r\nHost: p\r\nContent-Length: 99\r\n\r\n{\"key\":"); status != 408 || header.Get("Connection") != "close" {
		t.Errorf("half a body: %d %q %v", status, body, header)
	}
	for _, half := range []string{"", "POST / HT", "POST / HTTP/1.1\r\nHost: p\r\nConte"} {
		if status, header, body := ask(t, s, half); status != 0 && (status != 400 || header.Get("Connection") != "close") {
			t.Errorf("%q: %d %q %v", half, status, body, header)
		}
	}
	if events.puts != 0 {
		t.Errorf("%d puts", events.puts)
	}
}

// The time for reading is over before a put is done: that doesn't end it.
func TestAPutMayTakeLongerThanItsBody(t *testing.T) {
	s := listen(t, func(ctx context.Context, _ string, _ []byte) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond): // beyond ReadTime, which is what is tested
			return nil
		}
	}, PutOptions{ReadTime: 20 * time.Millisecond})
	if status, _, body := ask(t, s, request("POST", "/", "", `{"key":"k","event":1}`)); status != 201 {
		t.Errorf("%d %q", status, body)
	}
}

func TestAPutThatTakesTooLong(t *testing.T) {
	s := listen(t, func(ctx context.Context, _ string, _ []byte) error {
		<-ctx.Done()
		return ctx.Err()
	}, PutOptions{PutTime: 10 * time.Millisecond})
	if status, _, body := ask(t, s, request("POST", "/", "", `{"key":"k","event":1}`)); status != 500 {
		t.Errorf("%d %q", status, body)
	}
}

func TestListenTells(t *testing.T) {
	var events store
	s := listen(t, events.put, PutOptions{})
	if _, err := ListenPut(s.Addr().String(), events.put, PutOptions{}); err == nil || !strings.Contains(err.Error(), "listen for puts") {
		t.Errorf("an address in use: %v", err)
	}
	// The default address may be in use on this machine; then the error names it.
	d, err := ListenPut("", events.put, PutOptions{})
	if err != nil {
		if !strings.Contains(err.Error(), ":8080") {
			t.Errorf("the default address: %v", err)
		}
		return
	}
	defer d.Close()
	if _, port, _ := net.SplitHostPort(d.Addr().String()); port != "8080" {
		t.Errorf("the default address is %s", d.Addr())
	}
}

// The handler works in any server, also one whose writer has no deadlines.
func TestEmbedded(t *testing.T) {
	var events store
	mux := http.NewServeMux()
	mux.Handle("/_put", NewPutHandler(events.put, PutOptions{}))
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/_put", strings.NewReader(`{"key":"k","event":{}}`)))
	if event, ok := events.get("k"); answer.Code != 201 || !ok || event != "{}" {
		t.Errorf("%d, %q", answer.Code, event)
	}
	answer = httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/other", strings.NewReader(`{"key":"k","event":{}}`)))
	if answer.Code != 404 {
		t.Errorf("%d", answer.Code)
	}
}
