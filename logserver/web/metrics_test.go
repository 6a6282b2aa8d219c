package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
	"github.com/ringlog/ringlog/logserver/web"
)

// The scrub tells how far it is, and what it has found.
func TestScrubMetrics(t *testing.T) {
	files := fs.Memory()
	s := serve(t, setup{files: files, spoilt: true, log: logserver.Options{ScrubAfter: 1, ScrubRate: 1 << 40, ScrubEvery: time.Millisecond}})
	s.fill("main", 3)
	s.until("ringlog_scrub_progress_ratio 1")
	for _, want := range []string{"ringlog_damaged_pieces 0", "ringlog_repaired_pieces 0", `ringlog_errors_total{kind="damage"} 0`} {
		s.until(want)
	}
	if metrics := s.metrics(); strings.Contains(metrics, "\nringlog_scrub_last_timestamp_seconds 0\n") || strings.Contains(metrics, "\nringlog_stored_bytes 0\n") {
		t.Error(metrics)
	}
	spoil(t, files, `{"n":2}`)
	s.until("ringlog_damaged_pieces 1")
	s.until(`ringlog_errors_total{kind="damage"} 1`)
	s.want(200, `{"index":1,"error":"entry unavailable"}`+"\n…", "GET", "/logs/main?follow=false", "")
	s.until(`ringlog_errors_total{kind="damage"} 4`) // the three were one batch
}

// spoil changes a byte of the segment in which text lies.
func spoil(t *testing.T, files *fs.Mem, text string) {
	t.Helper()
	f, err := files.Open("0000000000000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	f.ReadAt(content, 0)
	at := strings.Index(string(content), text)
	if at < 0 {
		t.Fatalf("%s is not in the segment", text)
	}
	if _, err := f.WriteAt([]byte{content[at] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// A connection that speaks HTTP has buffers, which are in MEMORY as long as it lasts.
func TestConnectionsThatSpeakHTTPCountInMemory(t *testing.T) {
	s := serve(t, setup{})
	s.until("ringlog_memory_used_bytes 8192") // the one that asks
	idle, answer := s.raw(head("GET", "/livez") + "\r\n")
	answer.ReadString('\n')
	s.until("ringlog_memory_used_bytes 16384")
	idle.Close()
	s.until("ringlog_memory_used_bytes 8192")
}

func TestConnectionsThatAreClosedAreCounted(t *testing.T) {
	s := serve(t, setup{server: logserver.ServerOptions{MaxConns: 2, LineTimeout: time.Millisecond}})
	kept, _ := s.raw("")
	s.until(`ringlog_connections{protocol="lines"} 1`) // and the one that asks
	one, _ := s.raw("")
	one.Read(make([]byte, 1)) // closed
	s.until(`ringlog_errors_total{kind="too many connections"} 1`)
	kept.Write([]byte("{"))
	kept.Read(make([]byte, 1))
	s.until(`ringlog_errors_total{kind="half a line"} 1`)
}

// exposed matches a line of /metrics; named, how documents name a metric of ours.
var (
	exposed = regexp.MustCompile(`(?m)^([a-z_]+)[{ ]`)
	named   = regexp.MustCompile(`\bringlog_[a-z_]+[a-z]\b`)
)

// allMetrics are the names of all that /metrics ever tells, series of histograms included.
func allMetrics(t *testing.T) map[string]bool {
	t.Helper()
	dir := t.TempDir()
	ca := accesstest.NewCA(t)
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	certificates, err := access.NewCertificates(access.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}, true)
	if err != nil {
		t.Fatal(err)
	}
	guard := guarded(t, filepath.Join(dir, "tokens"), tokenLine("all", "read,append *"))
	member := &logserver.Member{Network: nobody{}, Identity: segment.Identity{Cluster: [16]byte{1}, Node: [16]byte{1}}, Expires: time.Now}
	s := serve(t, setup{log: logserver.Options{Blobs: t.TempDir(), Member: member}, server: logserver.ServerOptions{Guard: guard, Certificates: certificates}})
	s.want(200, "{\"index\":1,\"count\":1}\n", "POST", "/logs/main", "{}", "Authorization", "Bearer all")
	answer := text(t, s.do("GET", "/metrics", "", "Authorization", "Bearer all").Body) // so that there has been a request
	lobby := web.NewLobby(web.Options{}, 1)
	defer lobby.Close()
	opening := httptest.NewRecorder()
	lobby.ServeHTTP(opening, httptest.NewRequest(http.MethodGet, "http://localhost/metrics", nil))
	names := make(map[string]bool)
	for _, match := range exposed.FindAllStringSubmatch(answer+opening.Body.String(), -1) {
		names[match[1]] = true
	}
	return names
}

// nobody is the network of a node that is alone.
type nobody struct{}

func (nobody) Send(uint64, byte, []byte) {}
func (nobody) Join(map[uint64][]byte)    {}

// What dashboard, alerts and documents name exists, and everything that exists is documented.
func TestMetricsThatAreNamedExist(t *testing.T) {
	exist := allMetrics(t)
	documented := ""
	for _, name := range []string{"grafana.json", "alerts.yml", "alerts_test.yml", "HTTP.md", "OPERATIONS.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Error(err)
		}
		found := named.FindAllString(string(text), -1)
		if len(found) == 0 {
			t.Errorf("docs/%s names no metric", name)
		}
		for _, metric := range found {
			if !exist[metric] && !exist[metric+"_bucket"] {
				t.Errorf("docs/%s names %s, which does not exist", name, metric)
			}
		}
		if name == "HTTP.md" {
			documented = string(text)
		}
	}
	for name := range exist {
		name = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count"), "_sum")
		if strings.HasPrefix(name, "ringlog_") && !strings.Contains(documented, "`"+name) {
			t.Errorf("docs/HTTP.md does not name %s", name)
		}
	}
}
