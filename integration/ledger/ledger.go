package ledger

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"sync"
	"time"
)

// Kind says in which way a promise was broken.
type Kind string

// The kinds of violations.
const (
	Lost      Kind = "lost"      // acknowledged, but not there
	Doubled   Kind = "doubled"   // one append at two indices
	Reordered Kind = "reordered" // acknowledged before another was sent, but behind it; or a producer's numbers out of order
	Altered   Kind = "altered"   // an index holds something else than it did, or than was appended
	Gap       Kind = "gap"       // a read left indices out, or went back
	Foreign   Kind = "foreign"   // nobody appended this
	Refused   Kind = "refused"   // an append that was refused is there, or was confirmed
	Silent    Kind = "silent"    // appended before an ordered stop, but not answered
	Protocol  Kind = "protocol"  // an answer that is none
)

// Violation is one broken promise.
type Violation struct {
	Kind Kind
	Text string
}

func (v Violation) String() string { return fmt.Sprintf("%s: %s", v.Kind, v.Text) }

// most is how many violations of a kind are kept: one lost segment is a million of them.
const most = 5

// ahead is how far beyond all known ones an index may be and still be believed.
const ahead = 1 << 20

// record is what is known about one operation. Times are nanoseconds since the ledger began.
type record struct {
	sent, done int64  // first sent; first confirmed, 0 if never
	index      uint64 // where it is, as far as known; 0 if not
	read       bool   // seen in the log at that index
	refused    bool   // never to be seen
}

// Ledger holds all operations of a run. Its methods may be called at once.
type Ledger struct {
	Seed  uint64
	began time.Time

	mu         sync.Mutex // guards the following
	clients    map[uint32]*client
	holds      []Op // what index i+1 holds, as far as known
	confirmed  uint64
	violations []Violation
	total      map[Kind]int
}

type client struct {
	numbered bool // its operations are ordered by their number
	records  []record
}

// New begins an empty ledger.
func New(seed uint64) *Ledger {
	return &Ledger{Seed: seed, began: time.Now(), clients: map[uint32]*client{}, total: map[Kind]int{}}
}

// Client announces a client. Of a numbered one, the order in the log must be that of its numbers.
func (l *Ledger) Client(id uint32, numbered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clients[id] = &client{numbered: numbered}
}

// Sent must be called before an operation's first byte is sent; n counts up from 1.
func (l *Ledger) Sent(op Op) {
	now := time.Since(l.began).Nanoseconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[op.Client]
	if int(op.N) == len(c.records)+1 {
		c.records = append(c.records, record{sent: now})
	}
}

// Confirmed must be called after a confirmation was received, duplicates included.
func (l *Ledger) Confirmed(op Op, index uint64) {
	now := time.Since(l.began).Nanoseconds()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.record(op)
	if r == nil || index == 0 || index > uint64(len(l.holds))+ahead {
		l.violate(Protocol, "confirmation of %v at index %d", op, index)
		return
	}
	if r.done == 0 {
		r.done = now
	}
	l.confirmed = max(l.confirmed, index)
	l.place(op, r, index)
}

// Refused must be called when an operation was refused that will not be sent again.
func (l *Ledger) Refused(op Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.record(op)
	if r == nil {
		l.violate(Protocol, "refusal of %v", op)
		return
	}
	r.refused = true
	if r.index != 0 {
		l.violate(Refused, "%v is at index %d", op, r.index)
	}
}

// Observe takes an entry that was read at an index, by whatever reader.
func (l *Ledger) Observe(index uint64, entry []byte) {
	op, ok := identify(entry)
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.record(op)
	switch {
	case !ok || r == nil:
		l.violate(Foreign, "index %d: %.80s", index, entry)
	case !bytes.Equal(entry, AppendEntry(nil, l.Seed, op)):
		l.violate(Altered, "index %d, %v: %.80s", index, op, entry)
	default:
		r.read = true
		l.place(op, r, index)
	}
}

// place notes that an index holds an operation.
func (l *Ledger) place(op Op, r *record, index uint64) {
	for uint64(len(l.holds)) < index {
		l.holds = append(l.holds, make([]Op, index-uint64(len(l.holds)))...)
	}
	held := &l.holds[index-1]
	if r.refused {
		l.violate(Refused, "%v is at index %d", op, index)
	}
	if r.index != 0 && r.index != index {
		l.violate(Doubled, "%v at index %d and at %d", op, r.index, index)
	}
	if *held != (Op{}) && *held != op {
		l.violate(Altered, "index %d held %v, now %v", index, *held, op)
	}
	*held, r.index = op, index
}

func (l *Ledger) record(op Op) *record {
	c := l.clients[op.Client]
	if c == nil || op.N == 0 || int(op.N) > len(c.records) {
		return nil
	}
	return &c.records[op.N-1]
}

// Violate notes a violation that a reader or writer found by itself.
func (l *Ledger) Violate(kind Kind, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violate(kind, format, args...)
}

func (l *Ledger) violate(kind Kind, format string, args ...any) {
	l.total[kind]++
	if l.total[kind] <= most {
		l.violations = append(l.violations, Violation{kind, fmt.Sprintf(format, args...)})
	}
}

// Violations are the first of each kind that were found, and how many there were of each.
func (l *Ledger) Violations() ([]Violation, map[Kind]int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.violations), maps.Clone(l.total)
}

// Head is the largest index that was confirmed: no server may have a smaller head afterwards.
func (l *Ledger) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.confirmed
}

// Counts tells how many operations were sent, how many of them confirmed, how many refused.
func (l *Ledger) Counts() (sent, confirmed, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.clients {
		sent += len(c.records)
		for i := range c.records {
			if c.records[i].done != 0 {
				confirmed++
			}
			if c.records[i].refused {
				refused++
			}
		}
	}
	return sent, confirmed, refused
}

// Read checks a read that began at from: ascending without a gap, and every entry what it must be.
// It returns the index after the last.
func (l *Ledger) Read(from uint64, log iter.Seq2[uint64, []byte]) (next uint64) {
	next = from
	for index, entry := range log {
		if index != next {
			l.Violate(Gap, "index %d came where %d was due", index, next)
		}
		l.Observe(index, entry)
		next = index + 1
	}
	return next
}

// Check goes over the whole log, after which every confirmed operation must have been read in it, and
// the order must be one that could have been.
func (l *Ledger) Check(log iter.Seq2[uint64, []byte]) {
	l.mu.Lock()
	for _, c := range l.clients {
		for i := range c.records {
			c.records[i].read = false
		}
	}
	l.mu.Unlock()
	head := l.Read(1, log) - 1
	l.mu.Lock()
	defer l.mu.Unlock()
	l.checkLost(head)
	l.checkNumbers()
	l.checkTime()
}

// CheckAnswered is for after an ordered stop, when all answers were received and the whole log was
// read by Check: whatever is there was confirmed.
func (l *Ledger) CheckAnswered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, c := range l.clients {
		for i := range c.records {
			if r := &c.records[i]; r.index != 0 && r.done == 0 {
				l.violate(Silent, "%v is at index %d", Op{id, uint32(i + 1)}, r.index)
			}
		}
	}
}

func (l *Ledger) checkLost(head uint64) {
	for id, c := range l.clients {
		for i := range c.records {
			if r := &c.records[i]; r.index != 0 && !r.read {
				l.violate(Lost, "%v, seen at index %d; head is %d", Op{id, uint32(i + 1)}, r.index, head)
			}
		}
	}
}

// checkNumbers: of a numbered client, n is before n+1.
func (l *Ledger) checkNumbers() {
	for id, c := range l.clients {
		if !c.numbered {
			continue
		}
		last := uint64(0)
		for i := range c.records {
			index := c.records[i].index
			if index != 0 && index < last {
				l.violate(Reordered, "%v at index %d, an earlier one at %d", Op{id, uint32(i + 1)}, index, last)
			}
			last = max(last, index)
		}
	}
}

// checkTime: what was confirmed before something else was sent is before it. Going down the log, the
// earliest confirmation so far must not be earlier than the sending of what lies below.
func (l *Ledger) checkTime() {
	earliest, of := int64(math.MaxInt64), Op{}
	for i := len(l.holds) - 1; i >= 0; i-- {
		r := l.record(l.holds[i])
		if r == nil {
			continue
		}
		if earliest < r.sent {
			l.violate(Reordered, "%v at index %d was sent after %v, further up, was confirmed", l.holds[i], i+1, of)
		}
		if r.done != 0 && r.done < earliest {
			earliest, of = r.done, l.holds[i]
		}
	}
}
