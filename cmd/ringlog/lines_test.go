package main

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLineReader(t *testing.T) {
	const limit = 300 << 10 // beyond the reader's own buffer
	fits, long := strings.Repeat("f", limit), strings.Repeat("l", limit+1)
	for _, c := range []struct {
		name, input string
		want        []string // "!" for a line that is too long
	}{
		{"nothing", "", nil},
		{"one", "a\n", []string{"a"}},
		{"without its end", "a\nb", []string{"a", "b"}},
		{"empty ones", "\n\na\n", []string{"", "", "a"}},
		{"CR LF", "a\r\nb\r\n", []string{"a", "b"}},
		{"exactly the limit", fits + "\nb\n", []string{fits, "b"}},
		{"exactly the limit, CR LF", fits + "\r\nb\n", []string{fits, "b"}},
		{"one more", long + "\nb\n", []string{"!", "b"}},
		{"one more, at the end", "a\n" + long, []string{"a", "!"}},
		{"ten times the limit", strings.Repeat(fits, 10) + "\nb\n", []string{"!", "b"}},
	} {
		for reader, r := range map[string]io.Reader{
			"whole": strings.NewReader(c.input), "halves": iotest.HalfReader(strings.NewReader(c.input)),
		} {
			if got := allLines(t, newLineReader(r, limit)); !slices.Equal(got, c.want) {
				t.Errorf("%s, %s: %d lines, want %d", c.name, reader, len(got), len(c.want))
			}
		}
	}
}

func allLines(t *testing.T, l *lineReader) (lines []string) {
	t.Helper()
	for {
		line, err := l.next()
		switch {
		case errors.Is(err, errTooLong):
			lines = append(lines, "!")
		case errors.Is(err, io.EOF):
			if l.number != len(lines) {
				t.Errorf("counted %d lines of %d", l.number, len(lines))
			}
			return lines
		case err != nil:
			t.Fatal(err)
		default:
			lines = append(lines, string(line))
		}
	}
}

func TestLineReaderHoldsNoEndlessLine(t *testing.T) {
	const limit = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	endless := newLineReader(io.LimitReader(braces{}, 256<<20), limit)
	if _, err := endless.next(); !errors.Is(err, errTooLong) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8*limit {
		t.Errorf("%d bytes for a line that is not kept", used)
	}
}

// braces is an endless line.
type braces struct{}

var someBraces = bytes.Repeat([]byte("{"), 1<<20)

func (braces) Read(p []byte) (int, error) { return copy(p, someBraces), nil }
