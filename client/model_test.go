package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/ringlog/ringlog/protocol"
)

// message is a line of a client, as encoding/json reads it.
type message struct {
	ID       json.RawMessage   `json:"id"`
	Log      string            `json:"log"`
	Entry    json.RawMessage   `json:"entry"`
	Entries  []json.RawMessage `json:"entries"`
	Key      string            `json:"key"`
	Producer string            `json:"producer"`
	Seq      uint64            `json:"seq"`
	After    *uint64           `json:"after"`

	From   json.RawMessage `json:"from"`
	Read   uint64          `json:"read"`
	Follow *bool           `json:"follow"`
	Meta   bool            `json:"meta"`

	Head bool `json:"head"`
	Logs bool `json:"logs"`

	Members bool    `json:"members"`
	Auth    *string `json:"auth"`
}

func parseMessage(line []byte) message {
	var m message
	if err := json.Unmarshal(line, &m); err != nil {
		panic(fmt.Sprintf("the client sent %q: %v", line, err))
	}
	if m.Log == "" {
		m.Log = protocol.MainLog
	}
	if m.Entry != nil {
		m.Entries = []json.RawMessage{m.Entry}
	}
	return m
}

// model is what a log server is, in memory: what is appended, and what its
// answer is to an append, to the letter of the protocol.
type model struct {
	logs      map[string][][]byte
	keys      map[string]keyed
	producers map[string]*producer
}

type keyed struct {
	index uint64
	entry string
}

type producer struct {
	last     uint64
	outcomes map[uint64]func(id []byte, duplicate bool) []byte
}

func newModel() *model {
	return &model{logs: map[string][][]byte{}, keys: map[string]keyed{}, producers: map[string]*producer{}}
}

func (m *model) append(a message) []byte {
	p := m.producers[a.Producer]
	if p == nil {
		p = &producer{outcomes: map[uint64]func([]byte, bool) []byte{}}
	}
	if outcome, ok := p.outcomes[a.Seq]; ok {
		return outcome(a.ID, true)
	}
	if a.Seq <= p.last {
		return protocol.AppendDuplicateForgotten(nil, a.ID)
	}
	if a.Seq != p.last+1 {
		return protocol.AppendErrorSeq(nil, a.ID, p.last)
	}
	m.producers[a.Producer] = p
	p.last++
	p.outcomes[a.Seq] = m.decide(a)
	return p.outcomes[a.Seq](a.ID, false)
}

func (m *model) decide(a message) func(id []byte, duplicate bool) []byte {
	entry := string(bytes.Join(asBytes(a.Entries), []byte(",")))
	count := 0
	if a.Entry == nil {
		count = len(a.Entries)
	}
	log := m.logs[a.Log]
	if k, ok := m.keys[a.Log+" "+a.Key]; ok && a.Key != "" {
		if k.entry == entry {
			return func(id []byte, _ bool) []byte { return protocol.AppendConfirmation(nil, id, k.index, count, true) }
		}
		return func(id []byte, dup bool) []byte { return protocol.AppendErrorKey(nil, id, k.index, dup) }
	}
	if head := uint64(len(log)); a.After != nil && *a.After != head {
		return func(id []byte, dup bool) []byte { return protocol.AppendErrorHead(nil, id, head, dup) }
	}
	first := uint64(len(log)) + 1
	m.logs[a.Log] = append(log, asBytes(a.Entries)...)
	if a.Key != "" {
		m.keys[a.Log+" "+a.Key] = keyed{first, entry}
	}
	return func(id []byte, dup bool) []byte { return protocol.AppendConfirmation(nil, id, first, count, dup) }
}

func asBytes(entries []json.RawMessage) (b [][]byte) {
	for _, e := range entries {
		b = append(b, e)
	}
	return b
}

// history is what became of the appends of a test, whose entries are
// {"n":0}, {"n":1} … in the order of their acceptance.
type history struct {
	index []uint64
	err   []error
}

func testEntry(n int) []byte { return fmt.Appendf(nil, `{"n":%d}`, n) }

// failure is the first error, with how many there are; nil if there is none.
func (h *history) failure() (first error) {
	n := 0
	for _, err := range h.err {
		if err != nil {
			first = cmp.Or(first, err)
			n++
		}
	}
	if n > 0 {
		return fmt.Errorf("%d of %d have failed, the first: %w", n, len(h.err), first)
	}
	return nil
}

// check checks a history against the log that came of it: what is confirmed is
// there, at its index, in order; what has failed is not there, unless its
// outcome is unknown; and nothing is there twice.
func (h *history) check(t *testing.T, log [][]byte) {
	t.Helper()
	at := map[string]uint64{}
	for i, entry := range log {
		if at[string(entry)] != 0 {
			t.Errorf("%s is at %d and at %d", entry, at[string(entry)], i+1)
		}
		at[string(entry)] = uint64(i) + 1
	}
	before := uint64(0)
	for n, err := range h.err {
		found := at[string(testEntry(n))]
		switch {
		case err == nil && found != h.index[n]:
			t.Errorf("entry %d was confirmed at %d and is at %d", n, h.index[n], found)
		case err == nil && found <= before:
			t.Errorf("entry %d is at %d, behind a later one", n, found)
		case err == nil:
			before = found
		case found != 0 && !errors.Is(err, ErrUnknownOutcome):
			t.Errorf("entry %d is at %d although it was refused: %v", n, found, err)
		}
	}
}
