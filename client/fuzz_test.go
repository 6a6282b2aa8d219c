package client

import (
	"encoding/json"
	"testing"
)

// Whatever a server sends: no panic, and what is read without a JSON parser is
// what one reads.
func FuzzLine(f *testing.F) {
	for _, line := range []string{
		`{"id":"12","index":44}`,
		`{"id":"12","index":44,"count":3,"duplicate":true}`,
		`{"id":"12","duplicate":true}`,
		`{"id":"12","error":"seq is 7","seq":7}`,
		`{"id":"12","error":"key already used","index":3}`,
		`{"error":"line too long"}`,
		`{"index":1,"entry":{"a":[]}}`,
		`{"index":1,"time":"2026-11-20T10:00:00.123456789Z","hash":"00","key":"k","entry":{}}`,
		`{"current":true}`,
		`{"id":"18446744073709551616","index":1}`,
		`{"log":"main","first":1,"head":2}`,
		`{"head":7,"members":["a:1","[::1]:8089"]}`,
		`{"id":"ping","head":7,"members":["",":","a:0","a:99999"]}`,
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if a, ok := parseConfirmation(line); ok {
			r, err := parseReply(line)
			if err != nil || r.ID == nil || r.answer(a.number) != a {
				t.Errorf("%q is %+v to one and %+v, %v to the other", line, a, r, err)
			}
		}
		_, other, _, _ := parseAnswer(line)
		known, _ := newAddresses([]string{"given:1"})
		known.learn(other.Members)
		for _, addr := range known.all {
			if err := checkAddress(addr); err != nil {
				t.Errorf("%q is an address: %v", addr, err)
			}
		}
		if index, entry, ok := cutEntry(line); ok && json.Valid(line) {
			var e struct {
				Index uint64
				Entry json.RawMessage
			}
			if err := json.Unmarshal(line, &e); err == nil && (e.Index != index || string(e.Entry) != string(entry)) && json.Valid(entry) {
				t.Errorf("%q has index %d and entry %s", line, index, entry)
			}
		}
		parseMeta(line, &slab{})
	})
}
