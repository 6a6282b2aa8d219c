package logserver

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// Writer appends to one log for those who are no connection of lines: Add makes an append
// up, Submit sends it on its way, Wait tells what became of it. The next can be made up
// meanwhile. One goroutine at a time; Close in the end.
type Writer struct {
	log     *Log
	name    []byte
	memory  share // of what all connections may hold
	entries []entry
	size    int // bytes of entries
	waiting int // entries of the append under way

	// Of the append under way, set before told is sent to.
	outcome order.Outcome
	reason  string // it was not decided here
	told    chan struct{}
}

// Conditions of an append, and its key: see package protocol.
type Conditions struct {
	Key      []byte // nil: none
	After    uint64
	HasAfter bool
}

// Appended says where the entries of an append are.
type Appended struct {
	First     uint64 // index
	Count     int    // of entries; of a duplicate, as many as the first time
	Duplicate bool   // they were appended before, with the same key
}

// RefusedError is an append that was not and will not be made, for one of the Error texts
// of package protocol; but ErrorUnknownOutcome: it may have been.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "logserver: append: " + e.Reason }

// KeyUsedError is an append that was not made because its key is another entry's.
type KeyUsedError struct{ Index uint64 }

func (e *KeyUsedError) Error() string {
	return fmt.Sprintf("logserver: append: %s, at index %d", protocol.ErrorKeyUsed, e.Index)
}

// HeadError is an append that was not made because the log's head is another than wanted.
type HeadError struct{ Head uint64 }

func (e *HeadError) Error() string { return fmt.Sprintf("logserver: append: head is %d", e.Head) }

var errNothing = errors.New("logserver: an append of nothing")

// NewWriter returns a Writer to the log of that name, a valid one.
func (l *Log) NewWriter(name string) *Writer {
	return &Writer{log: l, name: []byte(name), memory: share{budget: &l.memory}, told: make(chan struct{}, 1)}
}

// MaxEntry returns the most bytes of an entry.
func (l *Log) MaxEntry() int { return l.options.MaxEntry }

// Hold says how many bytes of memory the caller holds for the Writer, and tells whether there
// is memory for more: if not, an append should be refused with protocol.ErrorOverloaded.
func (w *Writer) Hold(bytes int) bool {
	w.memory.set(int64(bytes))
	return !w.memory.budget.exhausted()
}

// Add puts an entry, as protocol.Compact makes it, behind those of the append that is made up.
// Its bytes stay as they are until Submit.
func (w *Writer) Add(text []byte) {
	w.entries = append(w.entries, entry{text, blobstore.Sum(text)})
	w.size += len(text)
}

// Len returns how many entries the append that is made up has, and of how many bytes.
func (w *Writer) Len() (entries, bytes int) { return len(w.entries), w.size }

// Submit sends the append on its way that was made up, of one entry or more. It blocks
// while the batch being gathered is full. Wait must have told of the one before.
func (w *Writer) Submit(c Conditions) {
	if len(w.entries) == 0 || w.waiting > 0 {
		panic(errNothing)
	}
	s := submission{
		Append: order.Append{
			Log: w.name, Entries: len(w.entries),
			Key: c.Key, KeyDigest: keyDigest(c.Key, w.entries),
			After: c.After, HasAfter: c.HasAfter,
		},
		entries: w.entries, size: w.size,
	}
	w.waiting = len(w.entries)
	w.log.submit(w, []submission{s})
	clear(w.entries)
	w.entries, w.size = w.entries[:0], 0
}

// Wait tells what became of the append that is under way; if none is, that is nothing.
// Errors: *RefusedError, *KeyUsedError, *HeadError.
func (w *Writer) Wait() (Appended, error) {
	if w.waiting == 0 {
		return Appended{}, nil
	}
	<-w.told
	w.waiting = 0
	if w.reason != "" {
		return Appended{}, &RefusedError{w.reason}
	}
	switch o := &w.outcome; o.Status {
	case order.Appended:
		return Appended{First: o.First, Count: int(o.Entries), Duplicate: o.Duplicate}, nil
	case order.KeyUsed:
		return Appended{}, &KeyUsedError{o.N}
	case order.HeadIs:
		return Appended{}, &HeadError{o.N}
	case order.TooManyLogs:
		return Appended{}, &RefusedError{protocol.ErrorTooManyLogs}
	}
	return Appended{}, &RefusedError{protocol.ErrorUnknownOutcome}
}

// Close waits for what is under way and gives the memory back.
func (w *Writer) Close() {
	_, _ = w.Wait() // nobody wants to know any more
	w.memory.set(0)
}

// The appender's side: called by whoever commits.

func (w *Writer) resolve(o *order.Outcome) { w.outcome, w.reason = *o, "" }

func (w *Writer) fail(_ int, reason string) { w.reason = reason }

func (w *Writer) flush() { w.told <- struct{}{} }
