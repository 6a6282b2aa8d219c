package protocol

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzParse: any bytes get one of three errors or a message that keeps its
// promises; what is JSON and what is not is what encoding/json says.
func FuzzParse(f *testing.F) {
	for _, g := range goldenLines(f) {
		f.Add([]byte(g.line))
	}
	f.Add([]byte(line200))
	f.Add([]byte(spaced(line2K)))
	f.Fuzz(func(t *testing.T, line []byte) {
		var p Parser
		var m Message
		original := bytes.Clone(line)
		err := p.Parse(line, &m)
		if valid, ok := standardValid(original); ok && valid == errors.Is(err, ErrJSON) {
			t.Fatalf("valid JSON: %v, but Parse says %v", valid, err)
		}
		if err == nil {
			checkMessage(t, original, &m)
		} else if m.Kind != 0 || len(m.Entries) > 0 || m.Key != nil || m.ID != nil && !errors.Is(err, ErrMessage) {
			t.Fatalf("%v, but a message is left: %+v", err, m)
		}
		if errors.Is(err, ErrMessage) && m.ID != nil && !json.Valid(m.ID) {
			t.Fatalf("id to echo is not JSON: %q", m.ID)
		}
		again := bytes.Clone(original)
		var second Message
		if err2 := p.Parse(again, &second); !errors.Is(err2, err) || describe(&second, err2) != describe(&m, err) {
			t.Fatalf("the same parser says %v, then %v", describe(&m, err), describe(&second, err2))
		}
	})
}

// standardValid asks encoding/json, which gives up 10,000 levels deep.
func standardValid(line []byte) (valid, ok bool) {
	if bytes.Count(line, []byte("["))+bytes.Count(line, []byte("{")) > 9000 {
		return false, false
	}
	return json.Valid(line), true
}

// checkMessage compares a message with what encoding/json reads in the line.
func checkMessage(t *testing.T, line []byte, m *Message) {
	t.Helper()
	if !utf8.Valid(line) {
		t.Fatal("accepted, but not UTF-8")
	}
	want := topLevel(t, line)
	if m.ID != nil && string(want["id"]) != string(m.ID) {
		t.Fatalf("id %s, in the line it is %s", m.ID, want["id"])
	}
	for name, got := range map[string][]byte{"key": m.Key, "producer": m.Producer, "log": m.Log, "auth": m.Token} {
		var text string
		if got != nil && (json.Unmarshal(want[name], &text) != nil || text != string(got)) {
			t.Fatalf("%s %q, in the line it is %s", name, got, want[name])
		}
	}
	raw := []json.RawMessage{want["entry"]}
	if m.Multi {
		if err := json.Unmarshal(want["entries"], &raw); err != nil {
			t.Fatal(err)
		}
	}
	if m.Kind == KindAppend && len(raw) != len(m.Entries) {
		t.Fatalf("%d entries, in the line there are %d", len(m.Entries), len(raw))
	}
	for i, entry := range m.Entries {
		checkCompact(t, raw[i], entry)
	}
}

// topLevel returns the raw values of the line's object by the exact bytes of
// their keys: those with escapes are left out.
func topLevel(t *testing.T, line []byte) map[string]json.RawMessage {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		t.Fatal("accepted, but no object", err)
	}
	values := make(map[string]json.RawMessage)
	for d.More() {
		start := d.InputOffset()
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		escaped := bytes.ContainsRune(line[start:d.InputOffset()], '\\')
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		if !escaped {
			values[token.(string)] = v
		}
	}
	return values
}

// checkCompact: as encoding/json compacts it, and so meaning the same, and
// every byte that is not white space between tokens is kept.
func checkCompact(t *testing.T, original, got []byte) {
	t.Helper()
	var want bytes.Buffer
	if err := json.Compact(&want, original); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Fatalf("compacted to\n%q, want\n%q", got, want.Bytes())
	}
	var a, b any
	if json.Unmarshal(original, &a) == nil && json.Unmarshal(got, &b) == nil && !reflect.DeepEqual(a, b) {
		t.Fatalf("%q means something else than %q", got, original)
	}
}

// FuzzCompact: Compact agrees with encoding/json, is idempotent, does the same
// in place, and refuses what the parser refuses.
func FuzzCompact(f *testing.F) {
	for _, s := range []string{`{}`, ` [ 1 , "a b" , { "c" : null } ] `, `"x"`, `{"a":"\ud83d\ude00"}`, `["\ud800"]`, "[\"\xff\"]", `[1,]`, `{ "\\" : "\"" }`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := Compact([]byte("dst"), text)
		if !bytes.HasPrefix(got, []byte("dst")) {
			t.Fatalf("dst is gone: %q", got)
		}
		got = got[3:]
		if valid, ok := standardValid(text); ok && valid == errors.Is(err, ErrJSON) {
			t.Fatalf("valid JSON: %v, but Compact says %v", valid, err)
		}
		var p Parser
		var m Message
		line := []byte(`{"id":"1","entry":` + string(text) + "}")
		if parsed := p.Parse(line, &m); parsed == nil && (err != nil || !bytes.Equal(got, m.Entries[0])) {
			t.Fatalf("Parse makes %q of it, Compact %q, %v", m.Entries[0], got, err)
		} else if err == nil && parsed != nil && len(got) <= DefaultMaxEntry {
			t.Fatalf("Compact takes it, Parse says %v", parsed)
		}
		if err != nil {
			if len(got) != 0 {
				t.Fatalf("%v, but %q", err, got)
			}
			return
		}
		checkCompact(t, text, got)
		if again, err := Compact(nil, got); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("a second time: %q, %v", again, err)
		}
		if inPlace, err := Compact(text[:0], text); err != nil || !bytes.Equal(inPlace, got) {
			t.Fatalf("in place: %q, %v", inPlace, err)
		}
	})
}

// FuzzAge: what time.ParseDuration takes, parseAge takes for the same.
func FuzzAge(f *testing.F) {
	for _, s := range []string{"15m", "1.5h", ".5s", "1h30m", "0", "-5m", "1e3s", "9223372036854775807ns", "0.3333333333333333333h", "3µs", "5d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseAge([]byte(s))
		want, err := time.ParseDuration(s)
		unlike := s == "0" || strings.ContainsAny(s, "+-d")
		if unlike || len(s) > 40 { // beyond that, digits are dropped differently
			return
		}
		if ok != (err == nil) || ok && (got-want).Abs() > 1 {
			t.Fatalf("%q: %v %v, want %v %v", s, got, ok, want, err)
		}
	})
}

// FuzzTime: what parseTime takes, time.Parse takes for the same.
func FuzzTime(f *testing.F) {
	for _, s := range []string{"2026-11-20T10:00:00Z", "2024-02-29T23:59:59.999999999+05:30", "2016-12-31T23:59:60Z", "1677-09-21T00:12:43Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTime([]byte(s))
		if !ok || s[17:19] == "60" {
			return
		}
		want, err := time.Parse(time.RFC3339, strings.ToUpper(s))
		if err != nil {
			t.Fatalf("%q: %v, but %v", s, got, err)
		}
		if want.After(firstTime) && want.Before(lastTime) && !got.Equal(want) {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
	})
}

// FuzzLineReader: however the bytes arrive, the lines are the same.
func FuzzLineReader(f *testing.F) {
	f.Add([]byte("{\"from\":1}\n{\"head\":true}\r\n\n  \r\n\r\r\nrest"), []byte{1, 2, 3}, 20)
	f.Add(bytes.Repeat([]byte("0123456789\n"), 2000), []byte{255, 1, 0, 7}, 10)
	f.Add([]byte("0123456789\r\n0123456789x\n"), []byte{11}, 10)
	f.Add([]byte("0123456789\r\n0123456789\rx"), []byte{11}, 10)
	f.Add(bytes.Repeat([]byte("x"), 10_000), []byte{200}, 9_999)
	f.Fuzz(func(t *testing.T, data, sizes []byte, limit int) {
		limit = max(0, limit%100_000)
		want, wantErr := referenceLines(data, limit)
		got, err := readLines(NewLineReader(&pieces{data: bytes.Clone(data), sizes: sizes}, limit))
		if !errors.Is(err, wantErr) || len(got) != len(want) {
			t.Fatalf("%d lines and %v, want %d and %v", len(got), err, len(want), wantErr)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("line %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// referenceLines says the same as LineReader, with everything at hand.
func referenceLines(data []byte, limit int) (lines []string, err error) {
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > limit {
			return lines, ErrLineTooLong
		}
		if !whole {
			// The CR of an unfinished line may not be its end.
			break
		}
		if len(bytes.Trim(line, " \t\r")) > 0 {
			lines = append(lines, string(line))
		}
		data = rest
	}
	return lines, io.EOF
}

// readLines reads to the first error, and scribbles over each line as Parse does.
func readLines(l *LineReader) (lines []string, err error) {
	for {
		if err := l.Fill(); err != nil {
			return lines, err
		}
		for line, ok := l.Next(); ok; line, ok = l.Next() {
			lines = append(lines, string(line))
			for i := range line {
				line[i] = '\n'
			}
		}
	}
}

// pieces gives its data out in pieces of these sizes, over and over; 0 is a
// read that brings nothing.
type pieces struct {
	data, sizes []byte
	next, empty int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	size := len(b)
	if len(p.sizes) > 0 {
		size = int(p.sizes[p.next%len(p.sizes)])
		p.next++
	}
	if size == 0 {
		if p.empty++; p.empty%2 == 1 {
			return 0, nil
		}
		size = len(b)
	}
	n := copy(b, p.data[:min(size, len(p.data))])
	p.data = p.data[n:]
	if len(p.data) == 0 && p.next%2 == 1 {
		return n, io.EOF // with the last bytes
	}
	return n, nil
}
