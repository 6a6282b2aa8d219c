package protocol

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestEncode(t *testing.T) {
	id := []byte(`"a\u0041"`)
	entry := []byte(`{"some":"entry"}`)
	at := time.Date(2026, 11, 20, 10, 0, 0, 120, time.UTC).UnixNano()
	digest := [32]byte{0: 0xab, 31: 1}
	hash := "ab" + strings.Repeat("0", 60) + "01"
	for _, tt := range []struct {
		got  []byte
		want string
	}{
		{AppendEntry(nil, 1, entry), `{"index":1,"entry":{"some":"entry"}}`},
		{AppendEntry(nil, math.MaxUint64, []byte(`[]`)), `{"index":18446744073709551615,"entry":[]}`},
		{AppendEntryMeta(nil, 44, at, digest, []byte("k\"\\\n\x00é\u2028"), entry),
			`{"index":44,"time":"2026-11-20T10:00:00.000000120Z","hash":"` + hash + `","key":"k\"\\\u000a\u0000é` + "\u2028" + `","entry":{"some":"entry"}}`},
		{AppendEntryMeta(nil, 44, 0, digest, nil, entry), `{"index":44,"time":"1970-01-01T00:00:00.000000000Z","hash":"` + hash + `","entry":{"some":"entry"}}`},
		{AppendConfirmation(nil, id, 44, 0, false), `{"id":"a\u0041","index":44}`},
		{AppendConfirmation(nil, id, 44, 3, false), `{"id":"a\u0041","index":44,"count":3}`},
		{AppendConfirmation(nil, id, 44, 0, true), `{"id":"a\u0041","index":44,"duplicate":true}`},
		{AppendConfirmation(nil, id, 44, 1, true), `{"id":"a\u0041","index":44,"count":1,"duplicate":true}`},
		{AppendDuplicateForgotten(nil, id), `{"id":"a\u0041","duplicate":true}`},
		{AppendHead(nil, nil, 0), `{"head":0}`},
		{AppendHead(nil, id, 100), `{"id":"a\u0041","head":100}`},
		{AppendHeadMembers(nil, nil, 7, nil), `{"head":7}`},
		{AppendHeadMembers(nil, id, 7, []string{"a:1", "[::1]:2"}), `{"id":"a\u0041","head":7,"members":["a:1","[::1]:2"]}`},
		{AppendCurrent(nil), `{"current":true}`},
		{AppendAuth(nil), `{"auth":true}`},
		{AppendLog(nil, "main", 1, 100), `{"log":"main","first":1,"head":100}`},
		{AppendLogs(nil, 2), `{"logs":2}`},
		{AppendError(nil, nil, ErrorInvalidJSON), `{"error":"invalid JSON"}`},
		{AppendError(nil, nil, ErrorInvalidMessage), `{"error":"invalid message"}`},
		{AppendError(nil, id, ErrorDiskFull), `{"id":"a\u0041","error":"disk full"}`},
		{AppendErrorDuplicate(nil, id, ErrorTooManyLogs), `{"id":"a\u0041","error":"too many logs","duplicate":true}`},
		{AppendErrorHead(nil, id, 7, false), `{"id":"a\u0041","error":"head is 7","head":7}`},
		{AppendErrorHead(nil, id, 7, true), `{"id":"a\u0041","error":"head is 7","head":7,"duplicate":true}`},
		{AppendErrorSeq(nil, id, 0), `{"id":"a\u0041","error":"seq is 0","seq":0}`},
		{AppendErrorKey(nil, id, 9, false), `{"id":"a\u0041","error":"key already used","index":9}`},
		{AppendErrorKey(nil, id, 9, true), `{"id":"a\u0041","error":"key already used","index":9,"duplicate":true}`},
		{AppendErrorEntry(nil, 45, ErrorEntryUnavailable), `{"index":45,"error":"entry unavailable"}`},
		{AppendErrorTrimmed(nil, 12), `{"error":"trimmed","first":12}`},
	} {
		if string(tt.got) != tt.want+"\n" {
			t.Errorf("got  %swant %s", tt.got, tt.want)
		}
		if !json.Valid(tt.got) {
			t.Errorf("not JSON: %s", tt.got)
		}
	}
}

// Encoders add to what is there.
func TestEncodeAppends(t *testing.T) {
	dst := []byte("x")
	dst = AppendHead(dst, nil, 1)
	dst = AppendCurrent(dst)
	dst = AppendErrorHead(dst, nil, 2, false)
	if got, want := string(dst), "x{\"head\":1}\n{\"current\":true}\n{\"error\":\"head is 2\",\"head\":2}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", "\"\\/", "\x00\x1f\x7f", "é\u2028😀", "\xff", "a\xe2\x82", "\xf0\x9f\x98"} {
		quoted := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && back != string([]rune(s)) {
			t.Errorf("%q: %s, read back as %q, %v", s, quoted, back, err)
		}
		if got := AppendString(nil, []byte(s)); string(got) != string(quoted) {
			t.Errorf("%q: as bytes %s", s, got)
		}
	}
}
