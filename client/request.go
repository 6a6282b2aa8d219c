package client

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ringlog/ringlog/protocol"
)

// request is an append from its acceptance until nothing is left to learn
// about it. Guarded by Client.mu, except while it is being made.
type request struct {
	line    []byte   // the message behind its number, with its LF
	pending *Pending // who is told the outcome; nil once it was
	order   uint64   // its place among all that were accepted

	// doubtful: it was sent on a connection that broke before the answer, or
	// the answer was "unknown outcome", so it may have been appended, or yet
	// be: a server works off what it has received of a broken connection.
	doubtful bool
	kept     time.Time // when accepted, if that was without a connection
}

const (
	// numbering is more than the message takes before line: id, producer, seq.
	numbering = 128
	// overhead is what a request counts towards MaxUnanswered beyond its line.
	overhead = 128
	// keepLine is the most bytes of a line whose memory is used again.
	keepLine = 16 << 10
)

func (r *request) settled() bool { return r.pending == nil }
func (r *request) size() int     { return len(r.line) + overhead }

var requests = sync.Pool{New: func() any { return new(request) }}

// recycle lets another append use r, which nothing refers to any more.
func (r *request) recycle() {
	line := r.line[:0]
	if cap(line) > keepLine {
		line = nil
	}
	*r = request{line: line}
	requests.Put(r)
}

// appendCall is what the options of an append say.
type appendCall struct {
	log      Log
	key      Key
	hasKey   bool
	after    After
	hasAfter bool
	onDone   OnDone
}

// newRequest makes a request and its line. Everything that the server would
// close the connection for, with everybody's appends on it, is found here.
func (o *options) newRequest(entries [][]byte, multi bool, opts []AppendOption) (*request, OnDone, error) {
	r := requests.Get().(*request)
	r.line = r.line[:0]
	var onDone OnDone
	var err error
	if len(opts) > 0 { // apart, so that a call without options allocates nothing
		onDone, err = r.writeOptions(opts)
	}
	if err == nil {
		err = r.writeEntries(entries, multi, o.maxEntry)
	}
	if err == nil && len(r.line)+numbering > o.maxEntry+protocol.Envelope {
		err = fmt.Errorf("append of %d bytes: %w", len(r.line), ErrTooLong)
	}
	if err != nil {
		r.recycle()
		return nil, onDone, err
	}
	return r, onDone, nil
}

func (r *request) writeOptions(opts []AppendOption) (OnDone, error) {
	var a appendCall
	for _, o := range opts {
		o.ofAppend(&a)
	}
	if a.log != "" {
		if !protocol.ValidLog(string(a.log)) {
			return a.onDone, fmt.Errorf("log name %.150q: %w", string(a.log), ErrInvalid)
		}
		r.line = append(r.line, `"log":"`...)
		r.line = append(r.line, a.log...)
		r.line = append(r.line, `",`...)
	}
	if a.hasKey {
		if len(a.key) == 0 || len(a.key) > protocol.MaxKey || !utf8.ValidString(string(a.key)) {
			return a.onDone, fmt.Errorf("key %.300q: %w", string(a.key), ErrInvalid)
		}
		r.line = append(r.line, `"key":`...)
		r.line = protocol.AppendString(r.line, string(a.key))
		r.line = append(r.line, ',')
	}
	if a.hasAfter {
		r.line = append(r.line, `"after":`...)
		r.line = strconv.AppendUint(r.line, uint64(a.after), 10)
		r.line = append(r.line, ',')
	}
	return a.onDone, nil
}

func (r *request) writeEntries(entries [][]byte, multi bool, maxEntry int) error {
	if multi {
		if n := len(entries); n == 0 {
			return fmt.Errorf("batch without an entry: %w", ErrInvalid)
		} else if n > protocol.MaxEntries {
			return fmt.Errorf("batch of %d entries: %w", n, ErrTooLong)
		}
		r.line = append(r.line, `"entries":[`...)
	} else {
		r.line = append(r.line, `"entry":`...)
	}
	for i, entry := range entries {
		if i > 0 {
			r.line = append(r.line, ',')
		}
		if err := r.writeEntry(entry, maxEntry); err != nil {
			if multi {
				err = fmt.Errorf("entry %d of the batch: %w", i, err)
			}
			return err
		}
	}
	if multi {
		r.line = append(r.line, ']')
	}
	r.line = append(r.line, '}', '\n')
	return nil
}

func (r *request) writeEntry(entry []byte, maxEntry int) error {
	start := len(r.line)
	line, err := protocol.Compact(r.line, entry)
	switch {
	case errors.Is(err, protocol.ErrJSON):
		return fmt.Errorf("the entry is not one JSON text: %w", ErrInvalid)
	case err != nil:
		return fmt.Errorf("the entry is no object or array, not UTF-8, or nested too deep: %w", ErrInvalid)
	case len(line)-start > maxEntry:
		return fmt.Errorf("entry of %d bytes: %w", len(line)-start, ErrTooLong)
	}
	r.line = line
	return nil
}
