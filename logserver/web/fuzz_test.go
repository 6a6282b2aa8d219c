package web

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/logserver"
)

// FuzzRequest: no request makes a handler panic; every error is JSON with a remedy; a head
// moves by what an answer says.
func FuzzRequest(f *testing.F) {
	for _, seed := range []struct{ method, target, header, value, body string }{
		{"GET", "/logs/main?from=-1&meta=true", "Accept", "text/event-stream", ""},
		{"GET", "/logs", "Accept-Encoding", "zstd;q=0.5, gzip", ""},
		{"POST", "/logs/main", "Idempotency-Key", "k", "{}\n[1]\n"},
		{"POST", "/logs/main?atomic=false", "Content-Encoding", "gzip", "\x1f\x8b\b\x00\x00\x00\x00\x00\x00\xff"},
		{"POST", "/logs/main", "Content-Encoding", "zstd", "\x28\xb5\x2f\xfd\x04\x00"},
		{"POST", "/logs/main", "If-Match", `"3"`, "{}"},
		{"POST", "/", "Origin", "null", `{"key":"k","event":{}}`},
		{"PUT", "//x/../%00", "Host", "evil", "x"},
	} {
		f.Add(seed.method, seed.target, seed.header, seed.value, seed.body)
	}
	log, err := logserver.Open(logserver.Options{Blobs: logserver.InMemory, MaxEntry: 4 << 10})
	if err != nil {
		f.Fatal(err)
	}
	var site *Site
	logserver.NewServer(log, logserver.ServerOptions{HTTP: func(s *logserver.Server) logserver.HTTP {
		site = newSite(s, Options{})
		return site
	}})
	f.Cleanup(func() {
		site.Shutdown(f.Context())
		log.Close()
	})
	f.Fuzz(func(t *testing.T, method, target, header, value, body string) {
		defer func() { // httptest refuses what is no request by a panic
			if p := recover(); p != nil && !strings.Contains(toText(p), "invalid NewRequest") {
				panic(p)
			}
		}()
		if strings.HasPrefix(target, "/logs/") && method != "POST" {
			path, query, _ := strings.Cut(target, "?")
			target = path + "?follow=false&" + query
		}
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Header[header] = []string{value}
		if body == "" {
			r.ContentLength = 0
		}
		before := total(log)
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		var said struct {
			Remedy    string
			Count     uint64
			Appended  uint64
			Duplicate bool
		}
		if w.Code >= 400 && (json.Unmarshal(w.Body.Bytes(), &said) != nil || said.Remedy == "") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		added := total(log) - before
		switch {
		case method == "POST" && w.Code == 200:
			if json.Unmarshal(w.Body.Bytes(), &said) != nil || !said.Duplicate && said.Count != added || said.Duplicate && added > 0 {
				t.Fatalf("%d appended: %s", added, w.Body)
			}
		case w.Code == 201:
		case added != said.Appended:
			t.Fatalf("%d appended: %d %s", added, w.Code, w.Body)
		}
	})
}

func toText(p any) string {
	if err, ok := p.(error); ok {
		return err.Error()
	}
	s, _ := p.(string)
	return s
}

func total(log *logserver.Log) (n uint64) {
	for _, h := range log.Heads() {
		n += h.Head
	}
	return n
}

// FuzzEvents: an event a line, with the index as id where the line has one; nothing of an
// entry begins a line of its own.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"index":1,"entry":{"data":"\n"}}` + "\n" + `{"current":true}` + "\n"))
	f.Add([]byte(`{"index":12`))
	f.Fuzz(func(t *testing.T, lines []byte) {
		if len(lines) > 0 && lines[len(lines)-1] != '\n' {
			lines = append(lines, '\n')
		}
		events := appendEvents(nil, lines)
		var back []byte
		for line := range bytes.Lines(events) {
			if rest, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
				back = append(back, rest...)
			} else if len(line) > 1 && !bytes.HasPrefix(line, []byte("id: ")) {
				t.Fatalf("%q", line)
			}
		}
		if !bytes.Equal(back, lines) {
			t.Fatalf("%q became %q", lines, back)
		}
	})
}

// FuzzAsksForHealth: what the first bytes tell doesn't depend on how many of them have come, nor
// needs more than peek looks at.
func FuzzAsksForHealth(f *testing.F) {
	for _, seed := range []string{"", "GET /livez HTTP/1.1", "HEAD /metrics?x", "GET /readyzz ", "get /livez ", "{\"head\":true}", "\x16\x03\x01"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, first []byte) {
		told := unsure
		for n := range len(first) + 1 {
			now := asksForHealth(first[:n])
			if told != unsure && now != told {
				t.Fatalf("%q: %d, and after one byte more %d", first[:n], told, now)
			}
			told = now
		}
		if told == unsure && len(first) >= longestHealthRequest {
			t.Fatalf("%q: it can't be told", first)
		}
		r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(first), strings.NewReader("\r\n\r\n"))))
		if err != nil || r.Body != http.NoBody {
			return
		}
		health := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch r.URL.Path {
		case "/livez", "/readyz", "/metrics":
		default:
			health = false
		}
		if told == yes && !health {
			t.Fatalf("%q: it asks for %s %s", first, r.Method, r.URL.Path)
		}
	})
}
