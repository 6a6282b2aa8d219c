package protocol

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// script is a reader that plays out what it is told, a step a Read: a string
// brings bytes, an error is returned, a pair does both.
type script struct {
	t     *testing.T
	steps []any
}

type pair struct {
	text string
	err  error
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.steps) == 0 {
		s.t.Error("read further than needed")
		return 0, io.EOF
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	switch step := step.(type) {
	case string:
		return copy(p, step), nil
	case pair:
		return copy(p, step.text), step.err
	default:
		return 0, step.(error)
	}
}

// lines is what Next has.
func lines(l *LineReader) string {
	var all []string
	for line, ok := l.Next(); ok; line, ok = l.Next() {
		all = append(all, string(line))
	}
	return strings.Join(all, "|")
}

func TestLineReader(t *testing.T) {
	l := NewLineReader(&script{t, []any{"a\nb\r\n\n \t\r\n", "c", "", "d\r", "\n\r\r\ne\rf\nrest"}}, 10)
	for _, want := range []struct {
		lines   string
		partial int
	}{{"a|b", 0}, {"", 1}, {"", 1}, {"", 3}, {"cd|e\rf", 4}} {
		if err := l.Fill(); err != nil {
			t.Fatal(err)
		}
		if got := lines(l); got != want.lines || l.Partial() != want.partial {
			t.Errorf("lines %q and %d bytes, want %q and %d", got, l.Partial(), want.lines, want.partial)
		}
	}
}

func TestLineReaderErrors(t *testing.T) {
	broken := errors.New("broken")
	l := NewLineReader(&script{t, []any{"a", os.ErrDeadlineExceeded, pair{"b\nc", os.ErrDeadlineExceeded}, pair{"\n", broken}, io.EOF, io.EOF}}, 10)
	for i, want := range []struct {
		err   error
		lines string
	}{{nil, ""}, {os.ErrDeadlineExceeded, ""}, {nil, "ab"}, {os.ErrDeadlineExceeded, ""}, {nil, "c"}, {broken, ""}, {io.EOF, ""}, {io.EOF, ""}} {
		if err := l.Fill(); !errors.Is(err, want.err) {
			t.Errorf("fill %d: %v, want %v", i, err, want.err)
		}
		if got := lines(l); got != want.lines {
			t.Errorf("fill %d: %q, want %q", i, got, want.lines)
		}
	}
}

// A line too long is told by the Fill after the last good line has been given
// out, and nothing is read to find it.
func TestLineTooLong(t *testing.T) {
	const limit = 10
	for name, tt := range map[string]struct {
		steps []any
		lines string
	}{
		"whole":                  {[]any{"good\n12345678901\nlost\n"}, "good"},
		"unfinished":             {[]any{"good\n12345678901"}, "good"},
		"white space":            {[]any{"good\n           "}, "good"},
		"byte by byte":           {byteByByte("12345678901"), ""},
		"CR that is no end":      {[]any{"1234567890\r", "x"}, ""},
		"CR CR":                  {[]any{"1234567890\r\r"}, ""},
		"exactly the limit, CR":  {[]any{"1234567890\r", "\n1234567890x"}, "1234567890"},
		"exactly the limit":      {[]any{"1234567890", "\n1234567890x"}, "1234567890"},
		"exactly the limit CRLF": {[]any{"1234567890\r\n1234567890\r\n12345678901\r\n"}, "1234567890|1234567890"},
	} {
		t.Run(name, func(t *testing.T) {
			reader := &script{t, tt.steps}
			l := NewLineReader(reader, limit)
			var all []string
			for {
				if err := l.Fill(); err != nil {
					if !errors.Is(err, ErrLineTooLong) {
						t.Error(err)
					}
					break
				}
				if got := lines(l); got != "" {
					all = append(all, got)
				}
			}
			if got := strings.Join(all, "|"); got != tt.lines {
				t.Errorf("lines %q, want %q", got, tt.lines)
			}
			if len(reader.steps) > 0 {
				t.Errorf("not read: %q", reader.steps)
			}
			if err := l.Fill(); !errors.Is(err, ErrLineTooLong) || lines(l) != "" {
				t.Errorf("it goes on after that: %v", err)
			}
		})
	}
}

func byteByByte(s string) (steps []any) {
	for i := range len(s) {
		steps = append(steps, s[i:i+1])
	}
	return steps
}

// A line of exactly the limit, and of one more, split at every point.
func TestLineReaderEverySplit(t *testing.T) {
	const limit = 6
	for _, end := range []string{"\n", "\r\n"} {
		good, bad := "x\n123456"+end, "1234567"+end
		for i := range len(good) {
			l := NewLineReader(&script{t, []any{good[:i], good[i:]}}, limit)
			var got string
			for range 2 {
				if err := l.Fill(); err != nil {
					t.Fatalf("split at %d: %v", i, err)
				}
				got += lines(l)
			}
			if strings.ReplaceAll(got, "|", "") != "x123456" {
				t.Errorf("split at %d: %q", i, got)
			}
		}
		for i := range len(bad) {
			all, err := readLines(NewLineReader(io.MultiReader(strings.NewReader(bad[:i]), strings.NewReader(bad[i:])), limit))
			if !errors.Is(err, ErrLineTooLong) || len(all) > 0 {
				t.Errorf("split at %d: %q, %v", i, all, err)
			}
		}
	}
}

// Fill before Next has given everything out does nothing, so nothing is lost.
func TestFillTooEarly(t *testing.T) {
	l := NewLineReader(&script{t, []any{"a\nb\nc"}}, 10)
	for i, want := range []string{"a", "b"} {
		if err := l.Fill(); err != nil {
			t.Fatal(err)
		}
		if line, ok := l.Next(); !ok || string(line) != want {
			t.Errorf("line %d is %q, want %q", i, line, want)
		}
	}
}

func TestLineReaderMemory(t *testing.T) {
	const limit = 1 << 20
	var feed bytes.Buffer
	l := NewLineReader(&feed, limit)
	fill := func(text string) {
		t.Helper()
		feed.WriteString(text)
		for feed.Len() > 0 {
			if err := l.Fill(); err != nil {
				t.Fatal(err)
			}
			lines(l)
		}
	}
	check := func(when string, most int) {
		t.Helper()
		if l.Size() > most {
			t.Errorf("%s: %d bytes, at most %d wanted", when, l.Size(), most)
		}
	}
	check("new", 0)
	fill("a\n")
	check("one line", smallBuffer)
	fill(strings.Repeat(line200+"\n", 2000))
	check("many lines", largeBuffer)
	if l.Size() != largeBuffer {
		t.Errorf("reads filled the buffer, and it has %d bytes", l.Size())
	}
	for range 10 * quietReads {
		fill("a\n")
	}
	check("few lines after many", smallBuffer)
	fill(strings.Repeat("x", limit))
	check("a line of the limit", limit+2)
	if l.Partial() != limit {
		t.Errorf("partial %d", l.Partial())
	}
	l.Shrink()
	fill("\n")
	check("the line is still held", limit+2)
	fill("a\n")
	check("after it", largeBuffer)
	fill(strings.Repeat(line200+"\n", 2000) + "half")
	l.Shrink()
	check("told to shrink", smallBuffer)
	fill(" a line\n")
	feed.WriteString("half")
	if err := l.Fill(); err != nil || l.Partial() != 4 {
		t.Errorf("%v, %d bytes of an unfinished line", err, l.Partial())
	}
}

// Shrink loses nothing of an unfinished line, however large the buffer was.
func TestShrinkKeepsPartial(t *testing.T) {
	long := strings.Repeat("y", 100_000)
	data := []byte("a\n" + long + "\nb\n" + long[:5000] + "\nc\n")
	l := NewLineReader(&pieces{data: data, sizes: []byte{255, 1, 100}}, len(long))
	var got []string
	for l.Fill() == nil {
		for line, ok := l.Next(); ok; line, ok = l.Next() {
			got = append(got, string(line))
		}
		l.Shrink()
		if most := max(smallBuffer, l.Partial()); l.Size() > most {
			t.Fatalf("%d bytes for %d of a line", l.Size(), l.Partial())
		}
	}
	if want := []string{"a", long, "b", long[:5000], "c"}; !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}
