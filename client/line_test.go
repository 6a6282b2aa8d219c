package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// A token that may read but not ask for heads is no reason to end.
func TestPingForbidden(t *testing.T) {
	r := &reading{follow: true}
	if done, err := r.take([]byte(`{"id":"ping","error":"forbidden"}`)); done || err != nil {
		t.Errorf("tail: %v, %v", done, err)
	}
	c := newClient(t, "localhost:1")
	if _, err := c.takeInLine([]byte(`{"error":"forbidden"}`)); err != nil {
		t.Errorf("appends: %v", err)
	}
}

func TestReadForbidden(t *testing.T) {
	r := &reading{readCall: newReadCall(nil)}
	if _, err := r.take([]byte(`{"error":"forbidden"}`)); !errors.Is(err, ErrForbidden) {
		t.Error(err)
	}
	if _, err := r.take([]byte(`{"error":"overloaded"}`)); !isBroken(err) {
		t.Error(err)
	}
}

func TestReadTrimmed(t *testing.T) {
	var yielded []string
	r := &reading{readCall: newReadCall(nil), yield: func(e Entry, err error) bool {
		yielded = append(yielded, fmt.Sprint(e.Index, " ", err))
		return true
	}}
	for _, line := range []string{`{"error":"trimmed","first":7}`, `{"index":7,"entry":{}}`} {
		if _, err := r.take([]byte(line)); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"0 " + (&TrimmedError{7}).Error(), "7 <nil>"}; !slices.Equal(yielded, want) {
		t.Errorf("got %q", yielded)
	}
	if _, err := r.take([]byte(`{"index":9,"entry":{}}`)); !errors.Is(err, ErrProtocol) {
		t.Errorf("a gap: %v", err)
	}
}

func TestParseEntry(t *testing.T) {
	var s slab
	tests := []struct {
		line string
		want string // index and data, or the error
	}{
		{`{"index":1,"entry":{"a":"}"}}`, `1 {"a":"}"}`},
		{`{"index":18446744073709551615,"entry":[]}`, `18446744073709551615 []`},
		{`{"index":0,"entry":[]}`, ``},
		{`{"index":18446744073709551616,"entry":[]}`, `error`},
		{`{"index":1,"entry":}`, `error`},
		{`{"current":true}`, ``},
		{`{"index":1,"time":"2026-11-20T10:00:00.000000000Z","hash":"` + strings.Repeat("0", 64) + `","entry":{}}`, `1 {}`},
		{`{"index":1,"time":"x","hash":"00","entry":{}}`, `error`},
		{`{"index":1,"time":"2026-11-20T10:00:00.000000000Z","hash":"` + strings.Repeat("0", 66) + `","entry":{}}`, `error`},
	}
	for _, test := range tests {
		got := ""
		if index, entry, ok := cutEntry([]byte(test.line)); ok {
			got = fmt.Sprint(index, " ", string(entry))
		} else if e, ok, err := parseMeta([]byte(test.line), &s); err != nil {
			got = "error"
		} else if ok {
			got = fmt.Sprint(e.Index, " ", string(e.Data))
		}
		if got != test.want {
			t.Errorf("%s: %s", test.line, got)
		}
	}
}

// Every message that the client makes is one.
func TestMessagesParse(t *testing.T) {
	var parser protocol.Parser
	var m protocol.Message
	reads := map[string]protocol.From{
		"from":  {Kind: protocol.FromIndex, Index: 5},
		"since": {Kind: protocol.FromTime, Time: testTime(1)},
		"age":   {Kind: protocol.FromAge, Age: 90 * time.Minute},
	}
	opts := map[string]ReadOption{"from": From(5), "since": Since(testTime(1)), "age": Age(90 * time.Minute)}
	for name, want := range reads {
		r := &reading{readCall: newReadCall([]ReadOption{opts[name], Log("x-1"), Meta, Count(7)}), began: time.Now()}
		line := r.request()
		if err := parser.Parse(line[:len(line)-1], &m); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		m.From.Age = m.From.Age.Truncate(time.Minute)
		if m.From != want || string(m.Log) != "x-1" || m.Read != 7 || m.Follow || !m.Meta {
			t.Errorf("%s: %+v", name, m)
		}
	}
	w := newWindow(retryLimits{})
	o := defaults()
	r, _, err := o.newRequest([][]byte{[]byte("{ }"), []byte(`["é"]`)}, true, []AppendOption{Log("y"), Key("\"\n\u2028"), After(3)})
	if err != nil {
		t.Fatal(err)
	}
	w.accept(r, &Pending{})
	line := w.fill(nil, 1) // numbers of 20 digits take 38 bytes more
	if len(line)-len(r.line)+38 > numbering {
		t.Errorf("the number takes %d bytes", len(line)-len(r.line))
	}
	if err := parser.Parse(line[:len(line)-1], &m); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	if !m.Multi || len(m.Entries) != 2 || string(m.Key) != "\"\n\u2028" || !m.HasAfter || m.After != 3 || m.Seq != 1 || string(m.Producer) != w.producer {
		t.Errorf("%+v", m)
	}
}

func TestWait(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	c := newClient(t, s.start().addr())
	p := c.AppendAsync(t.Context(), testEntry(0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	if err := c.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended: %v", err)
	}
	close(block)
	if index, err := p.Wait(t.Context()); index != 1 || err != nil {
		t.Errorf("%d, %v", index, err)
	}
	<-p.Done()
}
