package web_test

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/logserver/web"
)

// withJQ serves with ?jq=.
func withJQ(t *testing.T, o web.Options) *site {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Filter = []string{self, filterMode}
	return serve(t, setup{web: o})
}

// append appends entries as they are.
func (s *site) append(log string, entries ...string) {
	s.t.Helper()
	s.want(200, `{"index":…`, "POST", "/logs/"+log, strings.Join(entries, "\n"))
}

func jqPath(program string) string {
	return "/logs/main?follow=false&jq=" + url.QueryEscape(program)
}

func TestContains(t *testing.T) {
	s := serve(t, setup{})
	s.append("main", `{"a":"Error"}`, `{"entry":"fine"}`, `["ÉRROR",1.0]`, `{"b":"an ERROR, \" and }"}`)
	const current = `{"current":true}` + "\n"
	one, four := `{"index":1,"entry":{"a":"Error"}}`+"\n", `{"index":4,"entry":{"b":"an ERROR, \" and }"}}`+"\n"
	three := `{"index":3,"entry":["ÉRROR",1.0]}` + "\n"
	s.want(200, one+four+current, "GET", "/logs/main?follow=false&contains=error", "")
	s.want(200, one+`{"head":4}`+"\n", "GET", "/logs/main?follow=false&contains=error&read=3&from=-9", "")
	s.want(200, three+current, "GET", "/logs/main?follow=false&contains=%C3%A9rror", "")
	s.want(200, three+current, "GET", "/logs/main?follow=false&contains=1.0", "")
	s.want(200, current, "GET", "/logs/main?follow=false&contains=index", "") // not of the entry
	s.want(200, current, "GET", "/logs/main?follow=false&contains="+url.QueryEscape("}\n"), "")
	s.want(200, current, "GET", "/logs/main?follow=false&contains=.*", "")
	s.want(200, "id: 4\ndata: {…", "GET", "/logs/main?follow=false&contains=and", "", "Accept", "text/event-stream")
	for _, bad := range []string{"contains=", "contains=a&contains=b", "contains=%ff", "contains=" + repeat("x", 2000)} {
		s.want(400, `{"error":"invalid contains in the query",…`, "GET", "/logs/main?"+bad, "")
	}
}

func TestJQ(t *testing.T) {
	s := withJQ(t, web.Options{})
	s.append("main", `{"room":"kitchen","t":21.50}`, `{"room":"cellar","t":12345678901234567890}`, `["any"]`, `{"room":"kitchen","b":1,"a":2}`)
	const current = `{"current":true}` + "\n"
	for program, want := range map[string]string{
		// What is unchanged is the very text.
		`select(.room? == "kitchen")`:     `{"index":1,"entry":{"room":"kitchen","t":21.50}}` + "\n" + `{"index":4,"entry":{"room":"kitchen","b":1,"a":2}}` + "\n",
		`.t? // empty`:                    `{"index":1,"result":21.50}` + "\n" + `{"index":2,"result":12345678901234567890}` + "\n",
		`.[0]? | strings, strings`:        `{"index":3,"result":"any"}` + "\n" + `{"index":3,"result":"any"}` + "\n",
		`empty`:                           "",
		`select(.room == "cellar")`:       `{"index":2,"entry":{"room":"cellar","t":12345678901234567890}}` + "\n" + `{"index":3,"error":"jq","reason":"expected an object but got: array ([\"any\"])"}` + "\n",
		`-(.t? // empty) | . < 0`:         `{"index":1,"result":true}` + "\n" + `{"index":2,"result":true}` + "\n",
		`$ENV, env | length`:              strings.Join([]string{`{"index":1,"result":0}`, `{"index":1,"result":0}`, `{"index":2,"result":0}`, `{"index":2,"result":0}`, `{"index":3,"result":0}`, `{"index":3,"result":0}`, `{"index":4,"result":0}`, `{"index":4,"result":0}`}, "\n") + "\n",
		`if .b? then halt else empty end`: "",
	} {
		s.want(200, want+current, "GET", jqPath(program), "")
	}
	s.want(200, `{"index":4,"time":"20…`, "GET", jqPath("select(.b?)")+"&meta=true", "")
	s.want(200, `{"index":2,"result":1}`+"\n"+current, "GET", jqPath("1")+"&contains=CELLAR", "")
	s.want(200, "id: 1\ndata: {\"index\":1,\"result\":1}\n\n…", "GET", jqPath("1"), "", "Accept", "text/event-stream")
	answer := s.do("GET", jqPath("1"), "", "Accept-Encoding", "gzip")
	if answer.Header.Get("Content-Encoding") != "gzip" {
		t.Error("not compressed")
	}
}

// A live read through jq sends each line at once, and ends with its client and with the server.
func TestLiveJQ(t *testing.T) {
	s := withJQ(t, web.Options{MaxFilters: 1})
	s.append("main", `{"n":1}`)
	answer := s.do("GET", "/logs/main?jq="+url.QueryEscape("select(.n > 1)"), "")
	lines := bufio.NewReader(answer.Body)
	for i, want := range []string{`{"current":true}`, `{"index":2,"entry":{"n":2}}`, `{"index":3,"entry":{"n":3}}`} {
		if i > 0 {
			s.append("main", fmt.Sprintf(`{"n":%d}`, i+1))
		}
		if got, err := lines.ReadString('\n'); got != want+"\n" {
			t.Fatalf("%q, %v; want %s", got, err, want)
		}
	}
	s.want(503, `{"error":"overloaded",…`, "GET", jqPath("."), "")
	answer.Body.Close()
	s.until("ringlog_readers 0")
	for answer := s.do("GET", jqPath("1"), ""); answer.StatusCode != http.StatusOK; answer = s.do("GET", jqPath("1"), "") {
		if answer.StatusCode != http.StatusServiceUnavailable {
			t.Fatal(answer.StatusCode)
		}
	}
	// One that is live when the server stops is cut off.
	answer = s.do("GET", "/logs/main?jq=.", "")
	for answer.StatusCode == http.StatusServiceUnavailable {
		answer = s.do("GET", "/logs/main?jq=.", "")
	}
	if _, err := bufio.NewReader(answer.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	s.stop()
}

func TestNoJQ(t *testing.T) {
	s := serve(t, setup{})
	s.want(501, `{"error":"this server runs no jq",…`, "GET", jqPath("."), "")
}

// What a program must not do: it costs its process, and the read that asked for it.
func TestHostilePrograms(t *testing.T) {
	s := withJQ(t, web.Options{MaxFilters: 100})
	s.append("main", `{"n":1,"s":"`+repeat("x", 100_000)+`"}`, `{"n":2}`)
	var all sync.WaitGroup
	for program, want := range map[string]string{
		".a |":               `{"error":"invalid jq: …`,
		"nothing":            `{"error":"invalid jq: function not defined: nothing/0",…`,
		`import "x" as x; .`: `{"error":"invalid jq: …`,
		`include "x"; .`:     `{"error":"invalid jq: …`,
		`"\(`:                `{"error":"invalid jq: …`,
		repeat("(", 4000):    `{"error":"invalid jq: …`,
		repeat(".", 5000):    `{"error":"invalid jq: want at most 4096 bytes of UTF-8",…`,
		".\x00":              `{"error":"invalid jq: …`,
		"\xff":               `{"error":"invalid jq: …`,
		"<script>":           `{"error":"invalid jq: …`,

		`def f: f; f`: `{"error":"jq: …`,
		`repeat(empty), range(1; infinite) | empty`:              `{"error":"jq: …`,
		`reduce range(60) as $i (.; [., .]) | . == (. | map(.))`: `{"error":"jq: …`,
		`repeat(.)`:                                     `{"error":"jq: …`,
		`range(10000000)`:                               `{"error":"jq: …`,
		`reduce range(60) as $i (1; [., .])`:            `{"error":"jq: …`,
		`[range(1; infinite)]`:                          `{"error":"jq: …`,
		`null | .[400000000] = 1`:                       `{"error":"jq: …`,
		`reduce range(32) as $i (10; . * .) | tostring`: `{"error":"jq: …`,
		`def f: [f]; f`:                                 `{"error":"jq: …`,
	} {
		all.Go(func() { s.want(400, want, "GET", jqPath(program), "") })
	}
	all.Wait()
	// Later than at the first line it is the last line.
	answer := s.do("GET", jqPath(`if .n == 2 then def f: f; f else .n end`), "")
	lines := text(t, answer.Body)
	if want := `{"index":1,"result":1}` + "\n" + `{"error":"jq: the program takes too long for an entry","remedy":"`; !strings.HasPrefix(lines, want) {
		t.Errorf("got %s", lines)
	}
	s.want(200, `{"index":1,"result":1}`+"\n…", "GET", jqPath(".n"), "")
	s.asUsual()
}
