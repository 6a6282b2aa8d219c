package jq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func TestMainPassesLines(t *testing.T) {
	in := `{"index":1,"time":"2026-11-20T10:00:00.000000000Z","hash":"00","key":"\"entry\":","entry":{"a":1.50,"a":2}}` + "\n" +
		`{"index":2,"error":"entry unavailable"}` + "\n" + `{"index":3,"entry":[]}` + "\n" + `{"current":true}` + "\n"
	for program, want := range map[string]string{
		".":               in,
		".a?":             `{"index":1,"time":"2026-11-20T10:00:00.000000000Z","hash":"00","key":"\"entry\":","result":2}` + "\n" + `{"index":2,"error":"entry unavailable"}` + "\n" + `{"current":true}` + "\n",
		`error("<x>")`:    `{"index":1,"time":"2026-11-20T10:00:00.000000000Z","hash":"00","key":"\"entry\":","error":"jq","reason":"error: \u003cx\u003e"}` + "\n" + `{"index":2,"error":"entry unavailable"}` + "\n" + `{"index":3,"error":"jq","reason":"error: \u003cx\u003e"}` + "\n" + `{"current":true}` + "\n",
		`"a" * 3 | .[1:]`: `{"index":1,"time":"2026-11-20T10:00:00.000000000Z","hash":"00","key":"\"entry\":","result":"aa"}` + "\n" + `{"index":2,"error":"entry unavailable"}` + "\n" + `{"index":3,"result":"aa"}` + "\n" + `{"current":true}` + "\n",
	} {
		var out bytes.Buffer
		if end := Main(program, Limits{}, strings.NewReader(in), &out, io.Discard); end != Done || out.String() != Ready+want {
			t.Errorf("%s: %d\n got %swant %s", program, end, out.String(), want)
		}
	}
}

func TestMainTellsOfLimits(t *testing.T) {
	const line = `{"index":1,"entry":{}}` + "\n"
	for program, want := range map[string]Ended{"|": BadFilter, "def f: f; f": TooLong, "range(1; infinite)": TooMuch} {
		if end := Main(program, Limits{Time: 300 * time.Millisecond, Output: 1000}, strings.NewReader(line), io.Discard, io.Discard); end != want {
			t.Errorf("%s: %d, want %d", program, end, want)
		}
	}
}

func TestLongReasons(t *testing.T) {
	p, err := Compile(`error("ü" * 1000)`, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	line, err := p.Line([]byte(`{"index":1,"entry":{}}` + "\n"))
	if err != nil || len(line) > 2*maxReason || !json.Valid(line) {
		t.Errorf("%s, %v", line, err)
	}
}

// FuzzLine: whatever a line holds, what comes out are whole lines of JSON, and a line that is
// passed on is the same.
func FuzzLine(f *testing.F) {
	f.Add(`{"a":[1,{"b":null}]}`)
	f.Add(`["\ud83d\ude00",1e999,-0]`)
	f.Add(`{"entry":{}}`)
	var programs []*Program
	for _, text := range []string{".", ".a?", "tostring", "..", "keys", "{(.a|tostring): .}", "to_entries?, error", "-."} {
		p, err := Compile(text, Limits{})
		if err != nil {
			f.Fatal(err)
		}
		programs = append(programs, p)
	}
	f.Fuzz(func(t *testing.T, entry string) {
		if !json.Valid([]byte(entry)) || strings.ContainsAny(entry, "\n\r") || len(entry) > 10_000 {
			entry = "{}"
		}
		line := fmt.Appendf(nil, "{\"index\":1,\"entry\":%s}\n", entry)
		for i, p := range programs {
			out, err := p.Line(line)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			for l := range bytes.Lines(out) {
				if !json.Valid(l) || !bytes.HasPrefix(l, []byte(`{"index":1,"`)) {
					t.Fatalf("%q became %q", line, l)
				}
			}
			if c := entry[0]; i == 0 && (c == '{' || c == '[') && !bytes.Equal(out, line) && !bytes.Contains(out, []byte(`"error":"jq"`)) {
				t.Fatalf("%q became %q", line, out)
			}
		}
	})
}
