package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver"
)

func TestAppend(t *testing.T) {
	s := serve(t, setup{})
	s.want(200, `{"index":1,"count":1}`+"\n", "POST", "/logs/main", `{ "a": 1.0 }`)
	s.want(200, `{"index":2,"count":3}`+"\n", "POST", "/logs/main", "{\"b\":1}\n\n[2]\r\n {\"b\":3} ")
	s.want(200, `{"index":1,"count":1}`+"\n", "POST", "/logs/other?atomic=true", "[]\n")
	s.want(200, "{\"index\":1,\"entry\":{\"a\":1.0}}\n{\"index\":2,\"entry\":{\"b\":1}}\n{\"index\":3,\"entry\":[2]}\n{\"index\":4,\"entry\":{\"b\":3}}\n{\"current\":true}\n",
		"GET", "/logs/main?follow=false", "")
	s.want(200, `{"logs":[{"log":"main","first":1,"head":4,"bytes":26},{"log":"other","first":1,"head":1,"bytes":2}]}`+"\n", "GET", "/logs", "")
	if answer := s.do("HEAD", "/logs/main", ""); answer.StatusCode != http.StatusOK || answer.Header.Get("ETag") != `"4"` {
		t.Errorf("head: %d, %v", answer.StatusCode, answer.Header)
	}
	if answer := s.do("HEAD", "/logs/none", ""); answer.Header.Get("ETag") != `"0"` {
		t.Errorf("head of no log: %v", answer.Header)
	}
}

// What is refused leaves nothing behind.
func TestRefusedAppends(t *testing.T) {
	s := serve(t, setup{log: logserver.Options{MaxEntry: 1 << 10, Logs: 2}})
	big := fmt.Sprintf(`{"pad":"%s"}`, repeat("x", 2<<10))
	for _, c := range []struct {
		code              int
		want, query, body string
	}{
		{400, `{"error":"invalid JSON","line":7,…`, "", repeat("{}\n", 6) + "{\"a\":}\n{}\n"},
		{400, `{"error":"invalid JSON","line":3,…`, "", "{}\n\n{} {}\n"},
		{400, `{"error":"invalid JSON","line":1,…`, "", "{\n\"pretty\": 1}"},
		{400, `{"error":"invalid JSON","line":1,…`, "", "\x00"},
		{400, `{"error":"invalid message","line":2,…`, "", "{}\n\"text\""},
		{400, `{"error":"invalid message","line":1,…`, "", `{"a":"` + "\xff" + `"}`},
		{400, `{"error":"invalid message","line":1,…`, "", repeat("[", 129) + repeat("]", 129)},
		{413, `{"error":"line too long","line":1,…`, "", big},
		{413, `{"error":"line too long","appended":0,…`, "?atomic=false", repeat("x", 80<<10)},
		{413, `{"error":"body too large",…`, "", repeat("{}\n", 10_001)},
		{413, `{"error":"body too large",…`, "", repeat(" ", 8<<20+1)},
		{400, `{"error":"no entry",…`, "", "\n \r\n"},
		{400, `{"error":"no entry",…`, "?atomic=false", ""},
		{400, `{"error":"invalid query",…`, "?atomic=maybe", "{}"},
		{400, `{"error":"invalid query",…`, "?atomic=false&atomic=true", "{}"},
		{400, `{"error":"invalid query",…`, "?key=k", "{}"},
	} {
		s.want(c.code, c.want, "POST", "/logs/main"+c.query, c.body)
	}
	s.want(200, `{"logs":[]}`+"\n", "GET", "/logs", "")
	s.want(200, `{"index":1,"count":10000}`+"\n", "POST", "/logs/main", repeat("{}\n", 10_000))
	s.want(200, `{"index":1,"count":1}`+"\n", "POST", "/logs/b", "{}")
	s.want(507, `{"error":"too many logs",…`, "POST", "/logs/c", "{}")
	s.want(507, `{"error":"too many logs","appended":0,…`, "POST", "/logs/c?atomic=false", "{}")
}

func TestConditions(t *testing.T) {
	s := serve(t, setup{})
	s.want(200, `{"index":1,"count":2}`+"\n", "POST", "/logs/main", "[1]\n[2]", "Idempotency-Key", "k-1")
	s.want(200, `{"index":1,"count":2,"duplicate":true}`+"\n", "POST", "/logs/main", "[1]\n[2]\n", "Idempotency-Key", "k-1")
	s.want(409, `{"error":"key already used","index":1,…`, "POST", "/logs/main", "[3]", "Idempotency-Key", "k-1")
	s.want(200, `{"index":3,"count":1}`+"\n", "POST", "/logs/main", "[3]", "If-Match", `"2"`)
	s.want(412, `{"error":"head is 3","head":3,…`, "POST", "/logs/main", "[4]", "If-Match", `"2"`)
	s.want(412, `{"error":"head is 0","head":0,…`, "POST", "/logs/none", "[4]", "If-Match", `"2"`)
	for _, bad := range []string{"2", `"x"`, `*`, `"-1"`, `"1", "2"`, `"9223372036854775808"`, `W/"2"`} {
		s.want(400, `{"error":"invalid If-Match",…`, "POST", "/logs/main", "[4]", "If-Match", bad)
	}
	s.want(400, `{"error":"invalid Idempotency-Key",…`, "POST", "/logs/main", "[4]", "Idempotency-Key", repeat("k", 257))
	s.want(400, `{"error":"invalid Idempotency-Key",…`, "POST", "/logs/main", "[4]", "Idempotency-Key", "")
	s.want(400, `{"error":"a condition with ?atomic=false",…`, "POST", "/logs/main?atomic=false", "[4]", "Idempotency-Key", "k")
	s.want(200, `{"index":1,"entry":[1]}`+"\n"+`{"index":2,"entry":[2]}`+"\n"+`{"index":3,"entry":[3]}`+"\n"+`{"current":true}`+"\n",
		"GET", "/logs/main?follow=false", "")
}

// A body of any length is appended as it is read; an error says how many entries went ahead
// of it, and those are there.
func TestStream(t *testing.T) {
	s := serve(t, setup{})
	var lines strings.Builder
	for i := range 12_000 {
		fmt.Fprintf(&lines, "{\"n\":%d, \"pad\":\"%0100d\"}\n", i, i)
	}
	s.want(200, `{"index":1,"last":12000,"count":12000}`+"\n", "POST", "/logs/main?atomic=false", lines.String())
	s.want(400, `{"error":"invalid JSON","line":12001,"appended":12000,…`, "POST", "/logs/b?atomic=false", lines.String()+"nonsense\n{}\n")
	s.want(400, `{"error":"invalid message","line":12002,"appended":12001,…`, "POST", "/logs/c?atomic=false", lines.String()+"{}\n1")
	s.want(200, `{"index":1,"last":30000,"count":30000}`+"\n", "POST", "/logs/small?atomic=false", repeat("[]\n", 30_000))
	for name, head := range map[string]uint64{"main": 12_000, "b": 12_000, "c": 12_001, "small": 30_000} {
		if got := s.log.HeadOf(name); got != head {
			t.Errorf("the head of %s is %d, want %d", name, got, head)
		}
	}
	got := text(t, s.do("GET", "/logs/b?follow=false&from=12000", "").Body)
	if want := fmt.Sprintf("{\"index\":12000,\"entry\":{\"n\":11999,\"pad\":\"%0100d\"}}\n{\"current\":true}\n", 11_999); got != want {
		t.Errorf("got %s", got)
	}
}

func TestCompressedBodies(t *testing.T) {
	s := serve(t, setup{})
	lines := repeat(`{"some":"entry"}`+"\n", 5000)
	var zipped, zstandard bytes.Buffer
	z := gzip.NewWriter(&zipped)
	io.WriteString(z, lines)
	z.Close()
	zw, _ := zstd.NewWriter(&zstandard)
	io.WriteString(zw, lines)
	zw.Close()
	s.want(200, `{"index":1,"count":5000}`+"\n", "POST", "/logs/main", zipped.String(), "Content-Encoding", "gzip")
	s.want(200, `{"index":5001,"count":5000}`+"\n", "POST", "/logs/main", zstandard.String(), "Content-Encoding", "zstd")
	s.want(200, `{"index":10001,"last":15000,"count":5000}`+"\n", "POST", "/logs/main?atomic=false", zstandard.String(), "Content-Encoding", "ZSTD")
	s.want(415, `{"error":"unknown content encoding",…`, "POST", "/logs/main", lines, "Content-Encoding", "br")
	for _, encoding := range []string{"gzip", "zstd"} {
		s.want(400, `{"error":"the body is not what its Content-Encoding says",…`, "POST", "/logs/main", lines, "Content-Encoding", encoding)
	}
	s.want(400, `{"error":"the body is not what its Content-Encoding says",…`, "POST", "/logs/main", zipped.String()[:zipped.Len()-9], "Content-Encoding", "gzip")
	s.want(400, `{"error":"the body is not what its Content-Encoding says",…`, "POST", "/logs/main", zstandard.String()[:zstandard.Len()-9], "Content-Encoding", "zstd")
	// A bomb: much of little.
	var bomb bytes.Buffer
	z = gzip.NewWriter(&bomb)
	io.WriteString(z, repeat(" ", 9<<20))
	z.Close()
	s.want(413, `{"error":"body too large",…`, "POST", "/logs/main", bomb.String(), "Content-Encoding", "gzip")
	if head := s.log.HeadOf("main"); head != 15_000 {
		t.Errorf("the head is %d", head)
	}
}

func TestBlobs(t *testing.T) {
	s := serve(t, setup{})
	s.want(200, `{"index":1,"count":2}`+"\n", "POST", "/logs/main", "{ \"a\": 1.0 }\n[]")
	digest := blobstore.Sum([]byte(`{"a":1.0}`)).String()
	s.want(200, `{"a":1.0}`, "GET", "/blobs/"+digest, "")
	s.want(200, "", "HEAD", "/blobs/"+digest, "")
	s.want(404, `{"error":"no entry has this digest",…`, "GET", "/blobs/"+repeat("0", 64), "")
	for _, bad := range []string{"", digest[1:], strings.ToUpper(digest), digest + "0", "../" + digest} {
		s.want(404, `{"error":"no such path",…`, "GET", "/blobs/"+bad, "")
	}
	s.want(405, `{"error":"method not allowed here",…`, "POST", "/blobs/"+digest, "")
}

func TestAllData(t *testing.T) {
	s := serve(t, setup{})
	s.want(201, "", "POST", "/", `{"key":"K","event":{"a": 1}}`)
	s.want(201, "", "POST", "/", `{"event":{"a":1},"key":"K"}`+"\n")
	s.want(409, `{"error":"key already used","index":1,…`, "POST", "/", `{"key":"K","event":{"a":2}}`)
	for _, bad := range []string{
		``, `{}`, `{"key":"K"}`, `{"event":{}}`, `{"key":"","event":{}}`, `{"key":1,"event":{}}`, `{"key":null,"event":{}}`, `{"key":"x","event":1}`,
		`{"KEY":"x","event":{}}`, `{"key":"x","event":{}} {}`, `[]`, `{"key":"\ud800","event":{}}`, `{"key":"` + repeat("k", 257) + `","event":{}}`,
	} {
		s.want(400, `{"error":"not of AllData",…`, "POST", "/", bad)
	}
	s.want(405, `{"error":"method not allowed here","remedy":"use GET, HEAD, POST"}`+"\n", "PUT", "/", "{}")
	if answer := s.do("DELETE", "/", ""); answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("%d, %v", answer.StatusCode, answer.Header)
	}
	answer := text(t, s.do("GET", "/logs/main?follow=false&meta=true", "").Body)
	if !strings.Contains(answer, `,"key":"K","entry":{"a":1}}`) {
		t.Errorf("got %s", answer)
	}
}
