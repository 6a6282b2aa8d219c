//go:build !race

package protocol

import (
	"bytes"
	"strings"
	"testing"
)

// Nothing is allocated for a line, whatever it is, once parser and message
// have seen one like it.
func TestParseAllocatesNothing(t *testing.T) {
	lines := []string{line200, line2K, spaced(line200), spaced(line2K), strings.Repeat("[", 4000)}
	for _, g := range goldenLines(t) {
		lines = append(lines, g.line)
	}
	var p Parser
	var m Message
	for _, text := range lines {
		line := make([]byte, len(text))
		if n := testing.AllocsPerRun(10, func() {
			copy(line, text)
			_ = p.Parse(line, &m)
		}); n != 0 {
			t.Errorf("%v allocations for %s", n, text)
		}
	}
}

func TestReadAllocatesNothing(t *testing.T) {
	l := NewLineReader(&endless{block: bytes.Repeat([]byte(line200+"\r\n"), 100)}, 1<<20)
	read := func() {
		if err := l.Fill(); err != nil {
			t.Fatal(err)
		}
		for _, ok := l.Next(); ok; _, ok = l.Next() {
		}
	}
	for range 10 {
		read() // grows its buffer
	}
	if n := testing.AllocsPerRun(100, read); n != 0 {
		t.Errorf("%v allocations a read", n)
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 1<<10)
	id, key, entry := []byte(`"1"`), []byte("kéy\n"), []byte(`{"a":1}`)
	if n := testing.AllocsPerRun(100, func() {
		dst = AppendEntry(dst[:0], 1, entry)
		dst = AppendEntryMeta(dst, 1, 1, [32]byte{}, key, entry)
		dst = AppendConfirmation(dst, id, 1, 2, true)
		dst = AppendError(dst, id, ErrorDiskFull)
		dst = AppendErrorHead(dst, id, 44, false)
		dst = AppendLog(dst, "main", 1, 100)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
