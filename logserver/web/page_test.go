package web_test

import (
	"compress/gzip"
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver/web"
)

const html = "text/html,application/xhtml+xml,*/*;q=0.8"

// A browser gets the page, under a policy that allows nothing but what it needs; others get help.
func TestPage(t *testing.T) {
	s := serve(t, setup{})
	answer := s.do("GET", "/", "", "Accept", html)
	body := text(t, answer.Body)
	if !strings.HasPrefix(body, "<!doctype html>") || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%v %.100s", answer.Header, body)
	}
	policy := answer.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %s in %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") {
		t.Error(policy)
	}
	if regexp.MustCompile(`(?i)<style|<script[^>]*>[^<]|\son[a-z]+=|style=|javascript:|https?://`).MatchString(body) {
		t.Error("something in the page is inline, or elsewhere")
	}
	s.want(200, "Ringlog, an append-only log.\n…", "GET", "/", "")
	if tag := answer.Header.Get("ETag"); tag == "" {
		t.Error("no ETag")
	} else if again := s.do("GET", "/", "", "Accept", html, "If-None-Match", tag); again.StatusCode != http.StatusNotModified {
		t.Error(again.Status)
	}
}

// All files of the page are served, and each that one of them names is there.
func TestAssets(t *testing.T) {
	s := serve(t, setup{})
	names := regexp.MustCompile(`(?:src|href)="(/page/[^"]+)"|from '\./([^']+)'`)
	kinds := map[string]string{"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
	files, err := fs.ReadDir(os.DirFS("page"), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		answer := s.do("GET", "/page/"+file.Name(), "", "Accept-Encoding", "gzip")
		z, err := gzip.NewReader(answer.Body)
		if err != nil {
			t.Fatal(file.Name(), err)
		}
		body := text(t, z)
		kind := kinds[file.Name()[strings.LastIndexByte(file.Name(), '.')+1:]]
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != kind || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s %v", file.Name(), answer.Status, answer.Header)
		}
		for _, found := range names.FindAllStringSubmatch(body, -1) {
			path := found[1]
			if path == "" {
				path = "/page/" + found[2]
			}
			if answer := s.do("HEAD", path, ""); answer.StatusCode != http.StatusOK {
				t.Errorf("%s names %s: %s", file.Name(), path, answer.Status)
			}
		}
		for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"} {
			if strings.Contains(body, sink) {
				t.Errorf("%s in %s", sink, file.Name())
			}
		}
	}
	if len(files) < 10 {
		t.Error(files)
	}
	for _, path := range []string{"/page", "/page/", "/page/../page.go", "/page/none.js", "/page/main.js/", "/page.go", "/web/page/main.js"} {
		s.want(404, `{"error":"no such path",…`, "GET", path, "")
	}
	s.want(405, `{"error":"method not allowed here",…`, "POST", "/page/main.js", "x")
}

// status is what /status says, as far as tests look at it.
type status struct {
	Ready   bool
	Reason  string
	Entries uint64
	Readers struct{ Count int }
	Disk    struct{ Used int64 }
	Cluster struct {
		ID      string
		Members []struct {
			ID, Role string
			Self     bool
		}
	}
	History struct {
		First uint64
		Of    []struct {
			Entries  uint64
			P50, P99 float64
		}
	}
}

func (s *site) status(query string) (said status) {
	s.t.Helper()
	if err := json.NewDecoder(s.do("GET", "/status"+query, "").Body).Decode(&said); err != nil {
		s.t.Fatal(err)
	}
	return said
}

func TestStatus(t *testing.T) {
	s := serve(t, setup{web: web.Options{HistoryStep: time.Millisecond}})
	s.fill("main", 1000)
	said := s.status("")
	if !said.Ready || said.Entries != 1000 || said.Disk.Used < 5000 || len(said.Cluster.ID) != 36 || len(said.Cluster.Members) != 1 ||
		said.Cluster.Members[0].Role != "leader" || !said.Cluster.Members[0].Self {
		t.Errorf("%+v", said)
	}
	// The history has each entry once, whoever asks in whichever pieces, and no more than the last 300 seconds.
	entries, next, slowest := uint64(0), uint64(0), 0.0
	s.fill("main", 10)
	for deadline := time.Now().Add(guard); next < 1000; {
		h := s.status("?since=" + strconv.FormatUint(next, 10)).History
		for _, second := range h.Of {
			slowest = max(slowest, second.P99)
			if second.P50 > second.P99 {
				t.Errorf("%+v", second)
			}
			entries += second.Entries
		}
		if len(h.Of) > 300 {
			t.Fatal(len(h.Of))
		}
		next = h.First + uint64(len(h.Of))
		if time.Now().After(deadline) {
			t.Fatal(next)
		}
	}
	if entries > 1010 || entries < 10 || slowest <= 0 {
		t.Errorf("%d entries, slowest %v", entries, slowest)
	}
	for _, bad := range []string{"?since=-1", "?since=x", "?since=1&since=2", "?since=", "?to=1", "?since=1;", "?%zz"} {
		s.want(400, `{"error":"invalid query",…`, "GET", "/status"+bad, "")
	}
}
