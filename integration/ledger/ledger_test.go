package ledger

import (
	"encoding/json"
	"iter"
	"testing"
)

const seed = 42

// history appends 100 operations of 4 clients, one after the other, and gives the log that a good
// server has then.
func history(t *testing.T) (*Ledger, [][]byte) {
	t.Helper()
	l := New(seed)
	for c := range uint32(4) {
		l.Client(c+1, c%2 == 0)
	}
	var log [][]byte
	for i := range uint32(100) {
		op := Op{Client: i%4 + 1, N: i/4 + 1}
		l.Sent(op)
		log = append(log, AppendEntry(nil, seed, op))
		l.Confirmed(op, uint64(len(log)))
	}
	return l, log
}

func read(log [][]byte) iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		for i, entry := range log {
			if !yield(uint64(i+1), entry) {
				return
			}
		}
	}
}

func TestAGoodHistoryPasses(t *testing.T) {
	l, log := history(t)
	// Sent, never answered: may be there or not.
	for n := range uint32(2) {
		l.Sent(Op{Client: 1, N: 26 + n})
	}
	log = append(log, AppendEntry(nil, seed, Op{Client: 1, N: 26}))
	l.Sent(Op{Client: 3, N: 26})
	l.Refused(Op{Client: 3, N: 26})
	l.Confirmed(Op{Client: 2, N: 3}, 10) // again, the same answer
	l.Check(read(log))
	if found, _ := l.Violations(); len(found) != 0 {
		t.Errorf("violations: %v", found)
	}
	if sent, confirmed, refused := l.Counts(); sent != 103 || confirmed != 100 || refused != 1 || l.Head() != 100 {
		t.Errorf("sent %d, confirmed %d, refused %d, head %d", sent, confirmed, refused, l.Head())
	}
}

func TestASpoiltHistoryIsFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		kind  Kind
		spoil func(l *Ledger, log [][]byte) [][]byte
	}{
		{"the last is lost", Lost, func(_ *Ledger, log [][]byte) [][]byte { return log[:99] }},
		{"all is lost", Lost, func(_ *Ledger, log [][]byte) [][]byte { return nil }},
		{"one in the middle is lost", Lost, func(_ *Ledger, log [][]byte) [][]byte {
			return append(log[:50:50], log[51:]...)
		}},
		{"one is there twice", Doubled, func(_ *Ledger, log [][]byte) [][]byte { return append(log, log[7]) }},
		{"two are swapped", Altered, func(_ *Ledger, log [][]byte) [][]byte {
			log[3], log[60] = log[60], log[3]
			return log
		}},
		{"one byte is another", Altered, func(_ *Ledger, log [][]byte) [][]byte {
			for i := range log {
				if len(log[i]) > 60 {
					log[i][40] ^= 1
					break
				}
			}
			return log
		}},
		{"one is cut short", Altered, func(_ *Ledger, log [][]byte) [][]byte {
			log[5] = []byte(`{"c":2,"n":2}  `)
			return log
		}},
		{"one was never sent", Foreign, func(_ *Ledger, log [][]byte) [][]byte {
			return append(log, AppendEntry(nil, seed, Op{Client: 1, N: 999}))
		}},
		{"one is nobody's", Foreign, func(_ *Ledger, log [][]byte) [][]byte { return append(log, []byte(`{}`)) }},
		{"confirmed at two indices", Doubled, func(l *Ledger, log [][]byte) [][]byte {
			l.Confirmed(Op{Client: 1, N: 1}, 101)
			return log
		}},
		{"an index confirmed to two", Altered, func(l *Ledger, log [][]byte) [][]byte {
			l.Sent(Op{Client: 1, N: 26})
			l.Confirmed(Op{Client: 1, N: 26}, 4)
			return log
		}},
		{"refused, but there", Refused, func(l *Ledger, log [][]byte) [][]byte {
			l.Sent(Op{Client: 1, N: 26})
			l.Refused(Op{Client: 1, N: 26})
			return append(log, AppendEntry(nil, seed, Op{Client: 1, N: 26}))
		}},
		{"read, then refused", Refused, func(l *Ledger, log [][]byte) [][]byte {
			l.Sent(Op{Client: 1, N: 26})
			log = append(log, AppendEntry(nil, seed, Op{Client: 1, N: 26}))
			l.Observe(101, log[100])
			l.Refused(Op{Client: 1, N: 26})
			return log
		}},
		{"refused and confirmed", Refused, func(l *Ledger, log [][]byte) [][]byte {
			l.Refused(Op{Client: 1, N: 25})
			return log
		}},
		{"a refusal of nothing", Protocol, func(l *Ledger, log [][]byte) [][]byte {
			l.Refused(Op{Client: 9, N: 1})
			return log
		}},
		{"a confirmation of nothing", Protocol, func(l *Ledger, log [][]byte) [][]byte {
			l.Confirmed(Op{Client: 9, N: 1}, 4)
			return log
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, log := history(t)
			l.Check(read(c.spoil(l, log)))
			wantViolation(t, l, c.kind)
		})
	}
}

func wantViolation(t *testing.T, l *Ledger, kind Kind) {
	t.Helper()
	found, _ := l.Violations()
	for _, v := range found {
		if v.Kind == kind {
			return
		}
	}
	t.Errorf("want one %q, found %v", kind, found)
}

func TestASpoiltReadIsFound(t *testing.T) {
	for _, c := range []struct {
		name    string
		indices []uint64
	}{
		{"a gap", []uint64{1, 2, 4}},
		{"a repeat", []uint64{1, 2, 2}},
		{"going back", []uint64{1, 2, 1}},
		{"beginning late", []uint64{2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, log := history(t)
			l.Read(1, func(yield func(uint64, []byte) bool) {
				for _, i := range c.indices {
					if !yield(i, log[i-1]) {
						return
					}
				}
			})
			wantViolation(t, l, Gap)
		})
	}
}

func TestAnUnansweredAppendIsFound(t *testing.T) {
	l, log := history(t)
	l.Sent(Op{1, 26})
	l.Check(read(append(log, AppendEntry(nil, seed, Op{1, 26}))))
	if found, _ := l.Violations(); len(found) != 0 {
		t.Errorf("before it is asked for: %v", found)
	}
	l.CheckAnswered()
	wantViolation(t, l, Silent)
}

func TestOrderAgainstTimeIsFound(t *testing.T) {
	l := New(seed)
	l.Client(1, false)
	l.Client(2, false)
	first, second := Op{1, 1}, Op{2, 1}
	l.Sent(first)
	l.Confirmed(first, 2)
	l.Sent(second)
	l.Confirmed(second, 1)
	l.Check(read([][]byte{AppendEntry(nil, seed, second), AppendEntry(nil, seed, first)}))
	wantViolation(t, l, Reordered)
}

func TestOrderAgainstNumbersIsFound(t *testing.T) {
	l := New(seed)
	l.Client(1, true)
	l.Sent(Op{1, 1})
	l.Sent(Op{1, 2}) // both in flight: the time says nothing
	l.Confirmed(Op{1, 1}, 2)
	l.Confirmed(Op{1, 2}, 1)
	l.Check(read([][]byte{AppendEntry(nil, seed, Op{1, 2}), AppendEntry(nil, seed, Op{1, 1})}))
	wantViolation(t, l, Reordered)
}

func TestEntriesAreJSONOfAllSizes(t *testing.T) {
	small, largest := 0, 0
	for n := range uint32(30_000) {
		entry := AppendEntry(nil, seed, Op{3, n + 1})
		if op, ok := identify(entry); !ok || op != (Op{3, n + 1}) || !json.Valid(entry) || len(entry) > MaxEntry {
			t.Fatalf("entry %d: %.80s", n+1, entry)
		}
		if len(entry) < 30 {
			small++
		}
		largest = max(largest, len(entry))
	}
	if small < 1000 || largest != MaxEntry {
		t.Errorf("%d small ones, the largest has %d bytes", small, largest)
	}
}
