package logserver

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ringlog/ringlog/protocol"
)

// Whatever is asked for after what was read ahead, what comes is what was asked for.
func TestHistoryIsWhatWasAskedFor(t *testing.T) {
	const entries = 5000
	l, err := Open(Options{Blobs: InMemory})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	list := filled(entries)
	l.submit(deaf{}, list)
	hold(l)()
	topic, _ := l.hub.Lookup(mainLog)
	var want [entries + 2]int // where the lines of each entry begin
	var lines []byte
	for i := range list {
		want[i+1] = len(lines)
		lines = protocol.AppendEntry(lines, uint64(i+1), list[i].entries[0].text)
	}
	want[entries+1] = len(lines)

	h := history{cursor: cursor{log: l}, alone: true}
	random := rand.New(rand.NewPCG(1, 2))
	s := span{log: topic.ID(), size: 4 << 10}
	for i := range 2000 {
		switch random.IntN(8) {
		case 0:
			h.release()
		case 1: // a cursor that skips what the connection appended itself
			s.from += random.Uint64N(3)
		case 2: // more, or less, may be told than before
			s.to = min(entries, s.from+random.Uint64N(100))
		case 3:
			s.from = 1 + random.Uint64N(entries)
		default:
			s.to = entries
		}
		if s.from < 1 || s.from > entries || s.to < s.from {
			s.from, s.to = 1, entries
		}
		c := h.next(s)
		if c.err != nil || c.first != s.from || c.count == 0 || c.first+c.count-1 > s.to {
			t.Fatalf("step %d: asked for %d..%d: %d entries from %d: %v", i, s.from, s.to, c.count, c.first, c.err)
		}
		if !bytes.Equal(c.lines, lines[want[c.first]:want[c.first+c.count]]) {
			t.Fatalf("step %d: entries %d..%d are not what was appended: %s", i, c.first, c.first+c.count-1, firstLine(c.lines))
		}
		s.from += c.count
	}
	h.release()
}

func firstLine(b []byte) string {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return fmt.Sprintf("%.80s", line)
}
