package web_test

import (
	"bufio"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
)

// A full disk is said, and no longer when there is space again.
func TestFullDisk(t *testing.T) {
	files := fs.Memory()
	var full atomic.Bool
	files.SetHook(func(op fs.Op) error {
		if full.Load() && (op.Kind == fs.OpAllocate || op.Kind == fs.OpCreate) {
			return fs.ErrNoSpace
		}
		return nil
	})
	s := serve(t, setup{files: files, log: logserver.Options{Segment: 64 << 10}})
	full.Store(true)
	big := `{"pad":"` + repeat("x", 100<<10) + `"}`
	s.want(507, `{"error":"disk full",…`, "POST", "/logs/main", big)
	s.want(507, `{"error":"disk full","appended":0,…`, "POST", "/logs/main?atomic=false", big)
	s.want(500, `{"error":"disk full",…`, "POST", "/", `{"key":"k","event":`+big+`}`)
	s.want(503, `{"error":"not ready: the disk is full…`, "GET", "/readyz", "")
	s.until(`ringlog_errors_total{kind="disk full"} 3`)
	s.want(200, "alive\n", "GET", "/livez", "")
	s.want(200, `{"current":true}`+"\n", "GET", "/logs/main?follow=false", "")
	full.Store(false)
	s.want(200, `{"index":1,"count":1}`+"\n", "POST", "/logs/main", big)
	s.want(200, "ready\n", "GET", "/readyz", "")
}

// A disk that hangs holds up appends, and neither health, metrics nor reads.
func TestHungDisk(t *testing.T) {
	files := fs.Memory()
	var hangs atomic.Bool
	goOn := make(chan struct{})
	files.SetHook(func(op fs.Op) error {
		if op.Kind == fs.OpSync && op.Name != "MARK" && hangs.Load() {
			<-goOn
		}
		return nil
	})
	s := serve(t, setup{files: files, log: logserver.Options{DiskWarning: time.Millisecond, DiskTimeout: time.Hour}})
	s.fill("main", 1)
	hangs.Store(true)
	_, answers := s.raw(head("POST", "/logs/main", "Content-Length: 2", "Connection: close") + "\r\n{}")
	for deadline := time.Now().Add(guard); s.server.Ready() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is ready although the disk hangs")
		}
	}
	s.want(503, `{"error":"not ready: the disk hangs…`, "GET", "/readyz", "")
	if said := s.status(""); said.Ready || !strings.Contains(said.Reason, "the disk hangs") {
		t.Errorf("%+v", said)
	}
	s.want(200, `{"logs":[{"log":"main","first":1,"head":1}]}`+"\n", "GET", "/logs", "")
	s.want(200, "alive\n", "GET", "/livez", "")
	s.until("ringlog_ready 0")
	s.until(`ringlog_errors_total{kind="slow disk"} 1`)
	s.want(200, `{"index":1,"entry":{"n":1}}`+"\n"+`{"current":true}`+"\n", "GET", "/logs/main?follow=false", "")
	hangs.Store(false)
	close(goOn)
	if all := text(t, answers); !strings.HasSuffix(all, `{"index":2,"count":1}`+"\n") {
		t.Errorf("got %s", all)
	}
	s.want(200, "ready\n", "GET", "/readyz", "")
}

// After a failed flush the outcome is unknown, and nothing is confirmed any more.
func TestFailedFlush(t *testing.T) {
	files := fs.Memory()
	var broken atomic.Bool
	files.SetHook(func(op fs.Op) error {
		if broken.Load() && op.Kind == fs.OpSync && op.Name != "MARK" {
			return errors.New("injected")
		}
		return nil
	})
	s := serve(t, setup{files: files, fails: true})
	s.fill("main", 1)
	broken.Store(true)
	s.want(500, `{"error":"unknown outcome",…`, "POST", "/logs/main", "{}")
	s.want(500, `{"error":"unknown outcome","appended":0,…`, "POST", "/logs/main?atomic=false", "{}")
	s.want(503, `{"error":"not ready: the log has failed…`, "GET", "/readyz", "")
	s.want(200, "alive\n", "GET", "/livez", "")
	broken.Store(false)
}

// A hundred readers of events get every entry, in order.
func TestManyReadersOfEvents(t *testing.T) {
	const readers, entries = 100, 50
	s := serve(t, setup{})
	done := make(chan error, readers)
	for range readers {
		answer := s.do("GET", "/logs/main", "", "Accept", "text/event-stream")
		go func() {
			lines := bufio.NewScanner(answer.Body)
			for next := 1; next <= entries && lines.Scan(); {
				if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
					if id != strconv.Itoa(next) {
						done <- errors.New("out of order: " + id)
						return
					}
					next++
				}
			}
			done <- lines.Err()
		}()
	}
	for range entries {
		s.fill("main", 1)
	}
	for range readers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
