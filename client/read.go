package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// Entry is an entry of a log.
type Entry struct {
	Index uint64
	Data  []byte // its JSON text, the caller's to keep; nil with an error

	// With Meta:

	Time time.Time // when it was appended, in UTC; it never goes back
	Hash [32]byte  // the SHA-256 of Data
	Key  string    // the key it was appended with, or ""
}

// Read iterates over the entries of a log that there are: from the first, or
// where From, Last, Since or Age says, to the head. With Count, to so many.
//
// It has a connection of its own. When that breaks it connects again and goes
// on behind the last entry yielded, without gap or repeat; the head is then
// the one of that time. It yields an error at last, and once, if it can't go
// on: ctx.Err(), ErrClosed, ErrDisconnected, ErrUnauthorized, ErrForbidden,
// ErrInvalid, ErrShorter, ErrProtocol; ErrNoQuorum, behind the entries that there
// are, when for as long as Keep says nobody could tell whether there are more. Three errors concern entries only, and
// the iteration goes on if the loop does: ErrUnavailable and ErrRedacted, with
// Entry.Index set, and ErrTrimmed.
//
// Each time it is ranged over, it begins anew.
func (c *Client) Read(ctx context.Context, opts ...ReadOption) iter.Seq2[Entry, error] {
	return c.iterate(ctx, false, opts)
}

// Tail is Read that doesn't end at the head: it waits for what is appended,
// and yields that too, by whomever it was. It ends when the loop does, with
// Count, or with an error; with ctx, too, the last thing yielded is its error.
func (c *Client) Tail(ctx context.Context, opts ...ReadOption) iter.Seq2[Entry, error] {
	return c.iterate(ctx, true, opts)
}

func (c *Client) iterate(ctx context.Context, follow bool, opts []ReadOption) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		call := newReadCall(opts)
		err := call.err
		if err == nil && !(call.counted && call.left == 0) {
			r := &reading{readCall: call, follow: follow, began: time.Now(), yield: yield}
			err = c.persist(ctx, ForRead, r.run)
		}
		if err != nil && !errors.Is(err, errBodyEnded) {
			yield(Entry{}, err)
		}
	}
}

// errBodyEnded: the body of the loop wants no more; nothing may be yielded.
var errBodyEnded = errors.New("the loop has ended")

// start is how a read says where to begin.
type start uint8

const (
	fromIndex start = iota
	fromEnd
	fromTime
	fromAge
)

// readCall is what the options of a read say.
type readCall struct {
	log     Log
	start   start
	next    uint64 // fromIndex: the next index wanted
	last    uint64 // fromEnd
	since   time.Time
	age     time.Duration
	left    uint64 // entries still wanted, if counted
	counted bool
	meta    bool
	err     error
}

func newReadCall(opts []ReadOption) readCall {
	r := readCall{next: 1}
	for _, o := range opts {
		o.ofRead(&r)
	}
	if r.log != "" && !protocol.ValidLog(string(r.log)) {
		r.err = fmt.Errorf("log name %.150q: %w", string(r.log), ErrInvalid)
	}
	if r.start == fromTime && r.since.After(time.Now()) || r.start == fromAge && r.age <= 0 {
		r.start, r.last = fromEnd, 0
	}
	return r
}

// reading is an iteration under way.
type reading struct {
	readCall
	follow bool
	began  time.Time
	yield  func(Entry, error) bool

	route   *route
	yielded bool // something, so that next is what follows it
	slab    slab
}

// run reads on one connection. It returns nil when the iteration is complete.
func (r *reading) run(l *link) (progress bool, err error) {
	r.route = l.route
	if err := r.locate(l); err != nil {
		return false, err
	}
	if err := l.write(r.request()); err != nil {
		return false, err
	}
	for {
		line, err := l.next()
		if err != nil {
			return progress, err
		}
		done, err := r.take(line)
		if errors.Is(err, ErrNoQuorum) {
			return progress, err // it would be asked again for ever
		}
		if progress = true; done || err != nil {
			return true, err
		}
	}
}

// locate asks for the head where it matters: to begin at the end (at an index,
// so that a reconnect before the first entry misses none), and to go on, where
// a log that has become shorter would be waited for in silence.
func (r *reading) locate(l *link) error {
	if r.start != fromEnd && !r.yielded {
		return nil
	}
	head, err := l.head(r.log)
	if err != nil {
		return err
	}
	if r.start == fromEnd {
		r.start, r.next = fromIndex, head+1-min(r.last, head)
	}
	if r.yielded && head+1 < r.next {
		return fmt.Errorf("%w: its head is %d, entry %d was read", ErrShorter, head, r.next-1)
	}
	return nil
}

// request is the message that asks for what is still wanted.
func (r *reading) request() []byte {
	line := []byte(`{"from":`)
	switch r.start {
	case fromTime:
		line = strconv.AppendQuote(line, r.since.UTC().Format(time.RFC3339Nano))
	case fromAge: // the server's clock goes on as ours does
		line = strconv.AppendQuote(line, "-"+(r.age+time.Since(r.began)).String())
	default:
		line = strconv.AppendUint(line, r.next, 10)
	}
	if r.counted {
		line = append(line, `,"read":`...)
		line = strconv.AppendUint(line, r.left, 10)
	}
	if r.log != "" {
		line = append(line, `,"log":"`+string(r.log)+`"`...)
	}
	if r.meta {
		line = append(line, `,"meta":true`...)
	}
	if !r.follow {
		line = append(line, `,"follow":false`...)
	}
	return append(line, '}', '\n')
}

// take takes in a line and tells whether the iteration is complete.
func (r *reading) take(line []byte) (done bool, err error) {
	if index, entry, ok := cutEntry(line); ok {
		return r.pass(Entry{Index: index, Data: r.slab.copy(entry)}, nil)
	}
	if e, ok, err := parseMeta(line, &r.slab); ok || err != nil {
		if err != nil {
			return false, err
		}
		return r.pass(e, nil)
	}
	reply, err := parseReply(line)
	switch {
	case err != nil:
		return false, err
	case reply.ID != nil:
		return false, nil // of a question that this read did not ask
	case reply.Error == protocol.ErrorTrimmed:
		return false, r.skipTo(reply.First)
	case reply.Error == protocol.ErrorEntryUnavailable && reply.Index > 0:
		return r.pass(Entry{Index: reply.Index}, ErrUnavailable)
	case reply.Error == protocol.ErrorEntryRedacted && reply.Index > 0:
		return r.pass(Entry{Index: reply.Index}, ErrRedacted)
	case reply.Error != "":
		return false, reply.failure()
	case reply.Current:
		r.route.current(r.log)
		return !r.follow, nil
	}
	return false, nil // the end of a read that has yielded all
}

// pass yields an entry, or its error, if it is the one that is due.
func (r *reading) pass(e Entry, problem error) (done bool, err error) {
	if r.start == fromIndex && e.Index != r.next {
		return false, fmt.Errorf("%w: entry %d instead of %d", ErrProtocol, e.Index, r.next)
	}
	r.start, r.next, r.yielded = fromIndex, e.Index+1, true
	if r.counted {
		r.left--
	}
	if !r.yield(e, problem) {
		return false, errBodyEnded
	}
	return r.counted && r.left == 0, nil
}

// skipTo goes on at the first entry that the log still keeps.
func (r *reading) skipTo(first uint64) error {
	if r.start != fromIndex || first <= r.next {
		return fmt.Errorf("%w: trimmed to %d", ErrProtocol, first)
	}
	r.next, r.yielded = first, true
	if !r.yield(Entry{}, &TrimmedError{first}) {
		return errBodyEnded
	}
	return nil
}
