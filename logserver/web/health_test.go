package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/ringlog/ringlog/logserver/web"
)

func TestHealth(t *testing.T) {
	s := serve(t, setup{})
	s.want(200, "alive\n", "GET", "/livez", "")
	s.want(200, "ready\n", "GET", "/readyz", "")
	s.want(200, "Ringlog,…", "GET", "/", "")
	s.want(200, "", "HEAD", "/livez", "")
}

func TestMetrics(t *testing.T) {
	s := serve(t, setup{web: web.Options{Version: "v1.2.3"}})
	s.want(200, `{"index":1,"count":2}`+"\n", "POST", "/logs/main", "[1]\n[2]", "Idempotency-Key", "k")
	s.want(200, `{"index":1,"count":2,"duplicate":true}`+"\n", "POST", "/logs/main", "[1]\n[2]", "Idempotency-Key", "k")
	s.want(412, `{"error":"head is 2",…`, "POST", "/logs/main", "[1]", "If-Match", `"9"`)
	_, lines := s.raw("[]\n" + `{"id":"a","entry":{}}` + "\n" + `{"from":1}` + "\n")
	for line := ""; !strings.Contains(line, "current"); line, _ = lines.ReadString('\n') {
	}
	metrics := text(t, s.do("GET", "/metrics", "").Body)
	// The append may be decided after the read is current, and what was received is counted as sent a moment later.
	for !strings.Contains(metrics, "\nringlog_appends_total 2\n") || !strings.Contains(metrics, "\nringlog_reader_lag_entries 0\n") {
		metrics = text(t, s.do("GET", "/metrics", "").Body)
	}
	for _, want := range []string{
		"ringlog_appends_total 2", "ringlog_entries_total 3", "ringlog_duplicates_total 1", `ringlog_log_head{log="main"} 3`, "ringlog_logs 1",
		`ringlog_refused_total{reason="invalid message"} 1`, `ringlog_refused_total{reason="head is another"} 1`, `ringlog_refused_total{reason="disk full"} 0`,
		"ringlog_readers 1", "ringlog_reader_lag_entries 0", `ringlog_connections{protocol="lines"} 1`, "ringlog_ready 1",
		`ringlog_http_requests_total{code="2xx",route="log"} 2`, `ringlog_http_requests_total{code="4xx",route="log"} 1`,
		"ringlog_batches_total 4", "ringlog_commit_seconds_count 4",
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if !strings.Contains(metrics, `version="v1.2.3"} 1`) {
		t.Error("no version")
	}
	if t.Failed() {
		t.Log(metrics)
	}
	problems, err := promlint.New(strings.NewReader(metrics)).Lint()
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "ringlog_") {
			t.Error(p.Metric, p.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// No label has more values than are written down: whatever clients ask for, and however many
// logs there are.
func TestLabelsAreBounded(t *testing.T) {
	s := serve(t, setup{})
	for i := range 150 {
		s.fill(fmt.Sprintf("log-%d", i), 1)
		s.do("GET", fmt.Sprintf("/nothing-%d", i), "").Body.Close()
		s.do("GET", fmt.Sprintf("/logs/log-%d?follow=false", i), "").Body.Close()
	}
	metrics := text(t, s.do("GET", "/metrics", "").Body)
	if n := strings.Count(metrics, "ringlog_log_head{"); n != 100 {
		t.Errorf("%d logs are shown", n)
	}
	if n := strings.Count(metrics, "ringlog_http_requests_total{"); n > 4 {
		t.Errorf("%d kinds of requests", n)
	}
}
