package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/ringlog/ringlog/protocol"
)

// Option is an option of New.
type Option func(*options)

type options struct {
	token         string
	tls           *tls.Config // nil: none
	maxEntry      int
	maxUnanswered int
	keep          int
	keepFor       time.Duration
	retryRefused  time.Duration
	firstDelay    time.Duration
	maxDelay      time.Duration
	timeout       time.Duration
	hooks         Hooks
	others        []string
	onlyThese     bool

	dial func(ctx context.Context, addr string) (net.Conn, error)
}

func defaults() options {
	return options{
		maxEntry:      protocol.DefaultMaxEntry,
		maxUnanswered: 8 << 20,
		keep:          1000,
		keepFor:       15 * time.Minute,
		firstDelay:    50 * time.Millisecond,
		maxDelay:      10 * time.Second,
		timeout:       30 * time.Second,
		dial: func(ctx context.Context, addr string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", addr)
		},
	}
}

// Token is sent first on every connection.
func Token(token string) Option { return func(o *options) { o.token = token } }

// MaxEntry is the most bytes of an entry, white space between tokens not
// counted; 1 MiB by default. It must not be more than the server's MAX_ENTRY,
// which closes a connection on which a longer one comes.
func MaxEntry(bytes int) Option { return func(o *options) { o.maxEntry = bytes } }

// MaxUnanswered is how many bytes of appends may be on their way; 8 MiB by
// default. Further ones block until answers come. One append is always let
// through, however long.
func MaxUnanswered(bytes int) Option { return func(o *options) { o.maxUnanswered = bytes } }

// Keep says how many appends are kept, and how long, while there is no
// connection: 1,000 for 15 minutes by default. Further ones, and those that
// have waited so long, get ErrDisconnected. What was on its way when the
// connection broke is kept however many they are.
//
// Head, Logs, Read and Tail, too, give up after so long without a connection.
// A time of 0 is the first failure, of every address; a negative one, never.
func Keep(appends int, d time.Duration) Option {
	return func(o *options) { o.keep, o.keepFor = appends, d }
}

// RetryRefused is how long an append that the server refuses for now
// (ErrDiskFull, ErrOverloaded, ErrNoQuorum) is sent again, with back-off and
// everything behind it waiting, before the error is returned: not at all by
// default.
func RetryRefused(d time.Duration) Option { return func(o *options) { o.retryRefused = d } }

// BackOff is how long to wait before connecting again: first, and then twice
// as long each time, to at most longest, all give or take a random half; 50 ms
// and 10 s by default.
func BackOff(first, longest time.Duration) Option {
	return func(o *options) { o.firstDelay, o.maxDelay = first, longest }
}

// Timeout is how long connecting may take, and how long a connection may be
// silent before the server is asked for a sign of life; it has as long again
// to give one. 30 s by default. Where there are several addresses, the first
// attempts at each have 3 s, if that is less, to connect and be answered.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Others are further addresses ("host:port") of members of the same cluster,
// tried behind the one given to New. All must hold the same logs. One is
// enough, as a server tells the others; with several, the client can begin
// while one is down.
func Others(addrs ...string) Option {
	return func(o *options) { o.others = append(slices.Clone(o.others), addrs...) }
}

// OnlyThese keeps the client to the addresses that it was given, where those
// that servers tell can't be reached: through a tunnel, a proxy, a forwarded
// port.
func OnlyThese() Option { return func(o *options) { o.onlyThese = true } }

// Dialer has connections made by dial, with an address as New was given it or
// a server told it. ctx ends when it has taken too long.
func Dialer(dial func(ctx context.Context, addr string) (net.Conn, error)) Option {
	return func(o *options) { o.dial = dial }
}

// OnEvents has the hooks called with what happens to connections.
func OnEvents(h Hooks) Option { return func(o *options) { o.hooks = h } }

func (o *options) check() error {
	switch {
	case o.maxEntry < 1:
		return fmt.Errorf("MaxEntry of %d bytes: %w", o.maxEntry, ErrInvalid)
	case o.maxUnanswered < 1:
		return fmt.Errorf("MaxUnanswered of %d bytes: %w", o.maxUnanswered, ErrInvalid)
	case o.keep < 0:
		return fmt.Errorf("Keep of %d appends: %w", o.keep, ErrInvalid)
	case o.firstDelay <= 0 || o.maxDelay < o.firstDelay:
		return fmt.Errorf("BackOff from %v to %v: %w", o.firstDelay, o.maxDelay, ErrInvalid)
	case o.timeout <= 0:
		return fmt.Errorf("Timeout of %v: %w", o.timeout, ErrInvalid)
	case o.dial == nil:
		return fmt.Errorf("Dialer of nil: %w", ErrInvalid)
	}
	return nil
}

func (o *options) backOff() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     o.firstDelay,
		MaxInterval:         o.maxDelay,
		Multiplier:          2,
		RandomizationFactor: 0.5,
	}
}

// over tells whether a wait has lasted as long as it may; a negative limit is
// none.
func over(elapsed, limit time.Duration) bool { return limit >= 0 && elapsed >= limit }

// AppendOption is an option of an append: Log, Key, After, OnDone.
type AppendOption interface{ ofAppend(*appendCall) }

// ReadOption is an option of Read and Tail: Log; From, Last, Since or Age;
// Count; Meta. Head takes Log.
type ReadOption interface{ ofRead(*readCall) }

type (
	// Log is the log appended to or read; "main" without it. Its name is 1 to
	// 128 of A-Z a-z 0-9 . _ -, not beginning with . or _.
	Log string

	// Key makes an append idempotent among all clients: the same key with the
	// same entry adds nothing again and returns the first index, with another
	// entry it is refused (ErrKeyUsed). At most 256 bytes. The server
	// remembers its last million keyed appends.
	Key string

	// After appends only if the log's head is exactly this (ErrHead).
	After uint64

	// OnDone is called once with what AppendAsync's Pending would return: by a
	// goroutine of the client, so it must not block, append, Flush or Close; or,
	// if the append was not accepted, by AppendAsync itself, which may be at the
	// same time. Those of answered appends are called in the order of the
	// appends.
	OnDone func(index uint64, err error)

	// From is the first index to read: 1 without it. Beyond the head, Tail
	// waits for it.
	From uint64

	// Last begins with the last n entries there are; 0 with the next one to
	// come.
	Last uint64

	// Since begins with the first entry at or after this time, of the server's
	// clock; a time to come is Last(0).
	Since time.Time

	// Age begins with the first entry younger than this.
	Age time.Duration

	// Count is the most entries to read: the iteration ends after them. Tail
	// waits for them.
	Count uint64
)

// Meta has each Entry's Time, Hash and Key filled in.
var Meta ReadOption = meta{}

type meta struct{}

func (o Log) ofAppend(a *appendCall)    { a.log = o }
func (o Key) ofAppend(a *appendCall)    { a.key, a.hasKey = o, true }
func (o After) ofAppend(a *appendCall)  { a.after, a.hasAfter = o, true }
func (o OnDone) ofAppend(a *appendCall) { a.onDone = o }

func (o Log) ofRead(r *readCall)   { r.log = o }
func (o From) ofRead(r *readCall)  { r.start, r.next = fromIndex, uint64(max(o, 1)) }
func (o Last) ofRead(r *readCall)  { r.start, r.last = fromEnd, uint64(o) }
func (o Since) ofRead(r *readCall) { r.start, r.since = fromTime, time.Time(o) }
func (o Age) ofRead(r *readCall)   { r.start, r.age = fromAge, time.Duration(o) }
func (o Count) ofRead(r *readCall) { r.left, r.counted = uint64(o), true }
func (meta) ofRead(r *readCall)    { r.meta = true }
