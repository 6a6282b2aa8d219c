package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A token that may read but not ask for heads is no reason to end.
func TestPingForbidden(t *testing.T) {
	r := &reading{follow: true}
	if done, err := r.take([]byte(`{"id":"ping","error":"forbidden"}`)); done || err != nil {
		t.Errorf("tail: %v, %v", done, err)
	}
	c := newClient(t, "localhost:1")
	if err := c.takeInLine([]byte(`{"error":"forbidden"}`)); err != nil {
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
