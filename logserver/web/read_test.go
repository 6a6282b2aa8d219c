package web_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ringlog/ringlog/logserver"
)

var noConditions logserver.Conditions

// fill appends n entries.
func (s *site) fill(log string, n int) {
	s.t.Helper()
	s.fillWith(log, n, "")
}

// fillWith appends n entries which have something more to carry.
func (s *site) fillWith(log string, n int, pad string) {
	s.t.Helper()
	if pad != "" {
		pad = `,"pad":"` + pad + `"`
	}
	w := s.log.NewWriter(log)
	defer w.Close()
	for i := range n {
		w.Add(fmt.Appendf(nil, `{"n":%d%s}`, i+1, pad))
		if count, _ := w.Len(); count == 1000 || i == n-1 {
			w.Submit(noConditions)
			if _, err := w.Wait(); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

func TestRead(t *testing.T) {
	s := serve(t, setup{})
	s.fill("main", 5)
	const four, five, current = `{"index":4,"entry":{"n":4}}` + "\n", `{"index":5,"entry":{"n":5}}` + "\n", `{"current":true}` + "\n"
	s.want(200, four+five+current, "GET", "/logs/main?from=4&follow=false", "")
	s.want(200, four+five+current, "GET", "/logs/main?from=-2&follow=false", "")
	s.want(200, four+`{"head":5}`+"\n", "GET", "/logs/main?from=4&read=1", "")
	s.want(200, current, "GET", "/logs/main?from=2099-01-01T00:00:00Z&follow=false", "")
	s.want(200, `{"index":1,"entry":{"n":1}}`+"\n…", "GET", "/logs/main?from=-15m&follow=false", "")
	s.want(200, `{"index":1,"time":"20…`, "GET", "/logs/main?meta=true&read=1", "")
	s.want(200, current, "GET", "/logs/none?follow=false", "")
	for _, bad := range []string{
		"from=", "from=x", "from=1.5", "from=01", "from=-0", "from=9223372036854775808", "from=%221%22", "from=1&from=2", "read=0", "read=-1",
		"read=x", "follow=1", "follow=", "meta=yes", "folow=false", "from=1;read=2",
	} {
		s.want(400, `{"error":"…`, "GET", "/logs/main?"+bad, "")
	}
}

// A read goes on live, and each entry comes at once.
func TestTail(t *testing.T) {
	s := serve(t, setup{})
	lines := bufio.NewReader(s.do("GET", "/logs/main", "", "Accept-Encoding", "gzip").Body)
	next := func(want string) {
		t.Helper()
		if got, err := lines.ReadString('\n'); got != want+"\n" {
			t.Fatalf("%q, %v; want %s", got, err, want)
		}
	}
	next(`{"current":true}`)
	for i := 1; i <= 20; i++ {
		s.fill("main", 1)
		next(fmt.Sprintf(`{"index":%d,"entry":{"n":1}}`, i))
	}
}

func TestEvents(t *testing.T) {
	s := serve(t, setup{})
	s.fill("main", 3)
	accept := []string{"Accept", "text/event-stream"}
	answer := s.do("GET", "/logs/main?from=2&follow=false", "", accept...)
	want := "id: 2\ndata: {\"index\":2,\"entry\":{\"n\":2}}\n\nid: 3\ndata: {\"index\":3,\"entry\":{\"n\":3}}\n\ndata: {\"current\":true}\n\n"
	if got := text(t, answer.Body); got != want || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("got %q, %v", got, answer.Header)
	}
	s.want(200, "id: 3\ndata: {…", "GET", "/logs/main?from=1&follow=false", "", "Accept", "text/event-stream", "Last-Event-ID", "2")
	s.want(200, "data: {\"current\":true}\n\n", "GET", "/logs/main?from=1&follow=false", "", "Accept", "text/event-stream", "Last-Event-ID", "3")
	for _, bad := range []string{"x", "-1", "1.0", "9223372036854775808"} {
		s.want(400, `{"error":"Last-Event-ID is no index",…`, "GET", "/logs/main", "", "Accept", "text/event-stream", "Last-Event-ID", bad)
	}
	// Live, and a blank line ends each event.
	events := bufio.NewReader(s.do("GET", "/logs/main?from=-1", "", accept...).Body)
	expect := func(lines ...string) {
		t.Helper()
		for _, want := range lines {
			if got, err := events.ReadString('\n'); got != want+"\n" {
				t.Fatalf("%q, %v; want %q", got, err, want)
			}
		}
	}
	expect("id: 3", `data: {"index":3,"entry":{"n":3}}`, "", `data: {"current":true}`, "")
	s.fill("main", 1)
	expect("id: 4", `data: {"index":4,"entry":{"n":1}}`, "")
}

func TestCompressedReads(t *testing.T) {
	s := serve(t, setup{})
	s.fill("main", 5_000)
	plain := text(t, s.do("GET", "/logs/main?follow=false", "").Body)
	for accept, encoding := range map[string]string{
		"gzip": "gzip", "zstd": "zstd", "gzip, deflate, br, zstd": "zstd", "gzip;q=1, zstd;q=0.5": "gzip", "gzip;q=0": "", "br": "", "*;q=0": "", "zstd;q=x, gzip": "gzip",
	} {
		answer := s.do("GET", "/logs/main?follow=false", "", "Accept-Encoding", accept)
		if got := answer.Header.Get("Content-Encoding"); got != encoding {
			t.Errorf("%s: %q", accept, got)
			continue
		}
		body := io.Reader(answer.Body)
		switch encoding {
		case "gzip":
			body, _ = gzip.NewReader(body)
		case "zstd":
			z, _ := zstd.NewReader(body)
			defer z.Close()
			body = z
		}
		if text(t, body) != plain {
			t.Errorf("%s: another text", accept)
		}
	}
	if strings.Count(plain, "\n") != 5_001 {
		t.Error("entries are missing")
	}
}
