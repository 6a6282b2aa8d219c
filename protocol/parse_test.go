package protocol

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// describe says in a line what Parse made of a line.
func describe(m *Message, err error) string {
	var b strings.Builder
	switch {
	case errors.Is(err, ErrJSON):
		b.WriteString("invalid JSON")
	case errors.Is(err, ErrMessage):
		b.WriteString("invalid message")
	case err != nil:
		b.WriteString(err.Error())
	default:
		b.WriteString(m.Kind.String())
	}
	add := func(is bool, format string, args ...any) {
		if is {
			fmt.Fprintf(&b, " "+format, args...)
		}
	}
	add(m.ID != nil, "id=%s", m.ID)
	add(len(m.Entries) > 0 && !m.Multi, "entry=%s", bytes.Join(m.Entries, []byte(" ")))
	add(len(m.Entries) > 0 && m.Multi, "entries=%s", bytes.Join(m.Entries, []byte(" ")))
	if m.Kind == KindRead {
		switch m.From.Kind {
		case FromIndex:
			add(true, "from=%d", m.From.Index)
		case FromEnd:
			add(true, "last=%d", m.From.Index)
		case FromTime:
			add(true, "time=%s", m.From.Time.Format(time.RFC3339Nano))
		case FromAge:
			add(true, "age=%s", m.From.Age)
		}
	}
	add(m.Read != 0, "read=%d", m.Read)
	add(m.Follow, "follow")
	add(m.Meta, "meta")
	add(m.Echo, "echo")
	add(m.Log != nil, "log=%s", m.Log)
	add(m.Key != nil, "key=%q", m.Key)
	add(m.Producer != nil, "producer=%q", m.Producer)
	add(m.Seq != 0, "seq=%d", m.Seq)
	add(m.HasAfter, "after=%d", m.After)
	add(m.Members, "members")
	add(m.Token != nil, "%q", m.Token)
	return b.String()
}

// The session in doc.go is one: its client sends messages (but the last), its
// server JSON.
func TestSession(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var p Parser
	var m Message
	var sent, answered int
	for line := range strings.Lines(string(doc)) {
		if text, ok := strings.CutPrefix(line, "\t> "); ok {
			sent++
			if err := p.Parse([]byte(text), &m); err != nil && strings.TrimSpace(text) != `{"from"` {
				t.Errorf("%v: %s", err, text)
			}
		}
		if text, ok := strings.CutPrefix(line, "\t< "); ok {
			answered++
			if !json.Valid([]byte(text)) {
				t.Errorf("not JSON: %s", text)
			}
		}
	}
	if sent < 5 || answered < 5 {
		t.Errorf("no session: %d lines and %d answers", sent, answered)
	}
}

type golden struct {
	at         int
	line, want string
}

// goldenLines reads testdata/lines.txt.
func goldenLines(t testing.TB) []golden {
	t.Helper()
	f, err := os.Open("testdata/lines.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []golden
	var line string
	pending := false
	s := bufio.NewScanner(f)
	for n := 1; s.Scan(); n++ {
		text := s.Text()
		switch {
		case pending:
			all = append(all, golden{n - 1, line, text})
			pending = false
		case text == "" || text[0] == '#':
		default:
			line, pending = text, true
			if quoted, ok := strings.CutPrefix(text, "go:"); ok {
				if line, err = strconv.Unquote(quoted); err != nil {
					t.Fatalf("lines.txt:%d: %v", n, err)
				}
			}
		}
	}
	if s.Err() != nil || pending || len(all) < 300 {
		t.Fatalf("lines.txt: %d lines, %v", len(all), s.Err())
	}
	return all
}

func TestGoldenLines(t *testing.T) {
	var p Parser // one for all: nothing of a line may be left for the next
	var m Message
	for _, g := range goldenLines(t) {
		err := p.Parse([]byte(g.line), &m)
		if got := describe(&m, err); got != g.want {
			t.Errorf("lines.txt:%d: %q\n got %s\nwant %s", g.at, g.line, got, g.want)
		}
	}
}

// What is too large to write down. RELIABILITY's catalogue: "Client port, messages".
func TestLargeLines(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	object := func(n int) string { return strings.Repeat(`{"a":`, n-1) + "{}" + strings.Repeat("}", n-1) }
	entry := func(e string) string { return `{"id":"1","entry":` + e + `}` }
	list := func(n int) string { return strings.Repeat("{},", n-1) + "{}" }
	const million = 1_000_000
	const bad, badID = "invalid message", `invalid message id="1"`

	tests := []struct{ name, line, want string }{
		{"128 levels", entry(deep(128)), "append"},
		{"129 levels", entry(deep(129)), badID},
		{"128 objects", entry(object(128)), "append"},
		{"129 objects", entry(object(129)), badID},
		{"128 levels among entries", `{"id":"1","entries":[{},` + deep(128) + `]}`, "append"},
		{"129 levels among entries", `{"id":"1","entries":[{},` + deep(129) + `]}`, badID},
		{"128 levels ignored", `{"head":true,"x":` + deep(128) + `}`, "head"},
		{"129 levels ignored", `{"head":true,"x":` + deep(129) + `}`, bad},
		{"a million levels", entry(deep(million)), badID},
		{"a million objects", entry(object(million)), badID},
		{"a million levels, no object", deep(million), bad},
		{"a million levels, one bracket too few", entry(deep(million)[1:]), "invalid JSON"},
		{"a million levels, one wrong inside", entry(strings.Repeat("[", million) + "}" + strings.Repeat("]", million-1)), "invalid JSON"},
		{"levels of both kinds", entry(strings.Repeat(`[{"a":`, 1000) + "1" + strings.Repeat("}]", 1000)), badID},
		{"levels of both kinds, crossed at 100", entry(strings.Repeat(`[{"a":`, 100) + "1" + strings.Repeat("]}", 100)), "invalid JSON"},
		{"a million brackets", strings.Repeat("{", million), "invalid JSON"},
		{"too deep, then not JSON", entry(deep(200)) + "x", "invalid JSON"},
		{"a million keys", entry("{" + strings.Repeat(`"k":1,`, million/10) + `"k":1}`), "append"},
		{"a million unknown keys", "{" + strings.Repeat(`"k":1,`, million/10) + `"head":true}`, "head"},
		{"a million times the same key", "{" + strings.Repeat(`"head":true,`, million/10) + `"head":true}`, bad},
		{"from of 10^1000 digits", `{"from":` + strings.Repeat("9", 1000) + `}`, bad},
		{"from with 1000 digits behind the point", `{"from":1.` + strings.Repeat("0", 1000) + `}`, bad},
		{"a number of a million digits in an entry", entry("[" + strings.Repeat("7", million) + "]"), "append"},
		{"id of 256 bytes", `{"id":"` + strings.Repeat("x", 256) + `","entry":{}}`, "append"},
		{"id of 257 bytes", `{"id":"` + strings.Repeat("x", 257) + `","entry":{}}`, bad},
		{"id of 256 bytes escaped", `{"id":"` + strings.Repeat(`\u0041`, 256) + `","entry":{}}`, "append"},
		{"id of 257 bytes escaped", `{"id":"` + strings.Repeat(`\u0041`, 257) + `","entry":{}}`, bad},
		{"id of 256 bytes in pairs", `{"id":"` + strings.Repeat(`\ud83d\ude00`, 64) + `","entry":{}}`, "append"},
		{"id of 257 bytes in pairs", `{"id":"x` + strings.Repeat(`\ud83d\ude00`, 64) + `","entry":{}}`, bad},
		{"id of a million bytes", `{"id":"` + strings.Repeat("x", million) + `","entry":{}}`, bad},
		{"key of 256 bytes", `{"id":"1","entry":{},"key":"` + strings.Repeat(`\u0041`, 256) + `"}`, "append"},
		{"key of 257 bytes", `{"id":"1","entry":{},"key":"` + strings.Repeat("k", 257) + `"}`, badID},
		{"producer of 64 bytes", `{"id":"1","entry":{},"seq":1,"producer":"` + strings.Repeat("ä", 32) + `"}`, "append"},
		{"producer of 65 bytes", `{"id":"1","entry":{},"seq":1,"producer":"x` + strings.Repeat("ä", 32) + `"}`, badID},
		{"log of 128 bytes", `{"id":"1","entry":{},"log":"` + strings.Repeat("l", 128) + `"}`, "append"},
		{"log of 129 bytes", `{"id":"1","entry":{},"log":"` + strings.Repeat("l", 129) + `"}`, badID},
		{"token of a million bytes", `{"auth":"` + strings.Repeat("t", million) + `"}`, "auth"},
		{"10,000 entries", `{"id":"1","entries":[` + list(10_000) + `]}`, "append"},
		{"10,001 entries", `{"id":"1","entries":[` + list(10_001) + `]}`, badID},
		{"10,001 entries, the last no entry", `{"id":"1","entries":[` + list(10_000) + `,1]}`, badID},
		{"10,000 entries, the last no entry", `{"id":"1","entries":[` + list(9_999) + `,1]}`, badID},
	}
	p := Parser{Limits: Limits{MaxEntry: 64 << 20}}
	var m Message
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := p.Parse([]byte(tt.line), &m)
			got := describe(&m, err)
			if got != tt.want && (err != nil || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("got %.200s, want %s", got, tt.want)
			}
		})
	}
}

func TestMaxEntry(t *testing.T) {
	p := Parser{Limits: Limits{MaxEntry: 10}}
	var m Message
	for line, want := range map[string]error{
		`{"id":"1","entry":[12345678]}`:                   nil,
		`{"id":"1","entry":[ 1234567 , 9 ]}`:              ErrTooLong,
		`{"id":"1","entry":[ 123456 , 9  ]}`:              nil, // ten without white space
		`{"id":"1","entry":[123456789]}`:                  ErrTooLong,
		`{"id":"1","entries":[[],[123456789]]}`:           ErrTooLong,
		`{"id":"1","entries":[[12345678],[12345678]]}`:    nil,
		`{"id":"1","entry":[123456789],"key":""}`:         ErrMessage, // the message comes first
		`{"id":"1","entry":[123456789],"id":"1"}`:         ErrMessage,
		`{"id":"1","entry":[123456789]`:                   ErrJSON,
		`{"head":true,"ignored":"longer than any entry"}`: nil,
	} {
		if err := p.Parse([]byte(line), &m); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", line, err, want)
		}
		if err := p.Parse([]byte(line), &m); errors.Is(err, ErrTooLong) && (m.ID != nil || len(m.Entries) > 0) {
			t.Errorf("%s: a message is left: %s", line, describe(&m, nil))
		}
	}
	p = Parser{}
	big := append(append([]byte(`{"id":"1","entry":["`), bytes.Repeat([]byte("x"), DefaultMaxEntry-4)...), `"]}`...)
	if err := p.Parse(bytes.Clone(big), &m); err != nil || len(m.Entries[0]) != DefaultMaxEntry {
		t.Errorf("an entry of the default limit: %v", err)
	}
	big = append(append([]byte(`{"id":"1","entry":["`), bytes.Repeat([]byte("x"), DefaultMaxEntry-3)...), `"]}`...)
	if err := p.Parse(big, &m); !errors.Is(err, ErrTooLong) {
		t.Errorf("an entry of one byte more: %v", err)
	}
}

// Every slice of a message points into the line, and can't be appended over
// what stands behind it.
func TestInPlace(t *testing.T) {
	line := []byte(`{"id":"\u0041","log":"orders","key":"\u0041b","producer":"web-1","seq":1,"entry":{"a": 1},"x":1}`)
	var p Parser
	var m Message
	if err := p.Parse(line, &m); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string][]byte{"id": m.ID, "log": m.Log, "key": m.Key, "producer": m.Producer, "entry": m.Entries[0]} {
		at := bytes.Index(line, s)
		if at < 0 {
			t.Fatalf("%s: %q is not in %q", name, s, line)
		}
		if s[0] = '#'; line[at] != '#' {
			t.Errorf("%s is a copy", name)
		}
	}
	before := string(line)
	_ = append(m.ID, "#####"...)
	if string(line) != before {
		t.Errorf("appending to the id overwrites the line: %s", line)
	}
}

// Two messages at once, as a batch holds them: the second Parse leaves the
// first one's entries alone.
func TestMessagesAreTheirOwn(t *testing.T) {
	var p Parser
	var a, b Message
	if err := p.Parse([]byte(`{"id":"a","entries":[{"a":1},{"a":2}]}`), &a); err != nil {
		t.Fatal(err)
	}
	if err := p.Parse([]byte(`{"id":"b","entries":[{"b":1},{"b":2}]}`), &b); err != nil {
		t.Fatal(err)
	}
	if got := describe(&a, nil); got != `append id="a" entries={"a":1} {"a":2}` {
		t.Error(got)
	}
}

func TestLargeEntriesAreNotKept(t *testing.T) {
	var p Parser
	var m Message
	line := `{"id":"1","entries":[` + strings.Repeat("{},", MaxEntries-1) + `{}]}`
	if err := p.Parse([]byte(line), &m); err != nil || len(m.Entries) != MaxEntries {
		t.Fatal(err, len(m.Entries))
	}
	if err := p.Parse([]byte(`{"head":true}`), &m); err != nil || cap(m.Entries) != 0 {
		t.Errorf("%v, room for %d entries kept", err, cap(m.Entries))
	}
	if err := p.Parse([]byte(strings.Repeat("[", 1_000_000)), &m); !errors.Is(err, ErrJSON) {
		t.Fatal(err)
	}
	if err := p.Parse([]byte(`{"head":true}`), &m); err != nil || cap(p.scan.outer) > keepDeep {
		t.Errorf("%v, room for %d words of brackets kept", err, cap(p.scan.outer))
	}
}

func TestValidLog(t *testing.T) {
	for name, want := range map[string]bool{
		"main": true, "a": true, "Z9": true, "a.b_c-d": true, "-": true, "0": true, "a..": true,
		strings.Repeat("x", 128): true, strings.Repeat("x", 129): false,
		"": false, ".": false, "..": false, "_a": false, "a/b": false, "a\\b": false, "a b": false, "a\x00": false, "é": false, "a\n": false,
	} {
		if ValidLog(name) != want || ValidLog([]byte(name)) != want {
			t.Errorf("%q: not %v", name, want)
		}
	}
}
