package peer

import (
	"context"
	"crypto/tls"
	"time"
)

// Options say who a node is and what it does with what comes. Self is needed; a limit that is 0 is as
// DefaultOptions has it.
type Options struct {
	// Self is who this node is now. It is asked whenever a connection begins.
	Self func() Identity

	// TLS is what Certificates.Config returns, or nil: then all is plain text, and everybody who
	// reaches the port is believed what he says.
	TLS *tls.Config

	// Handle gets the messages of other nodes: of one node one at a time, of one lane in the order in which
	// they were sent, none twice unless a node has started anew in between. A payload is Handle's to keep. While it works, nothing
	// more is read from that node; it must not call Close.
	Handle func(from uint64, kind byte, payload []byte)

	// Serve are the methods that can be called here, also by who is no member. The context ends when the caller
	// goes away and when the Links are closed. An *Error is passed on as it is, any other error with
	// CodeFailed.
	Serve map[string]Method

	// Admit is asked whether a node of this cluster may open a link, after everything that can be told without
	// it; the caller is told the error's text. nil: every Peer may, and nobody else. If it is there,
	// it may admit nodes that are no Peers: these are sent to while their link lasts.
	Admit func(Identity) error

	// Put stores what is put over HTTP on the port; nil: no HTTP is spoken there. Whoever gets so far has shown a
	// certificate of a node, but has not said which cluster he belongs to. PutOptions are its limits.
	Put        Put
	PutOptions PutOptions

	// Bulk tells which messages go by the lane that waits for the other; nil: those of more than 32 KiB. Only
	// messages of one lane keep their order.
	Bulk func(kind byte, size int) bool

	Hooks Hooks

	MaxFrame   int           // bytes of a message, request or result
	MaxPeers   int           // links at once, those of guests included; likewise connections that put over HTTP
	MaxCalls   int           // calls that are served at once
	MaxPending int           // connections at once that have not said yet who they are
	KeepFrames int           // messages of a lane of a link that wait for being acknowledged
	KeepBytes  int           // bytes of these
	KeepAge    time.Duration // how long one waits; then it is dropped
	Heartbeat  time.Duration // between acknowledgements when there is nothing else to say
	Silence    time.Duration // a connection on which nothing comes is closed after that long
	OpenTime   time.Duration // from dialing or accepting to the end of the hellos
	BackoffMin time.Duration // before the second attempt to connect
	BackoffMax time.Duration // after many
}

// DefaultOptions are for nodes in one data center or a few.
var DefaultOptions = Options{
	MaxFrame:   20 << 20,
	MaxPeers:   256,
	MaxCalls:   32,
	MaxPending: 64,
	KeepFrames: 16384,
	KeepBytes:  64 << 20,
	KeepAge:    15 * time.Second,
	Heartbeat:  500 * time.Millisecond,
	Silence:    4 * time.Second,
	OpenTime:   4 * time.Second,
	BackoffMin: 50 * time.Millisecond,
	BackoffMax: 2 * time.Second,
}

func (o Options) complete() Options {
	d := DefaultOptions
	o.MaxFrame, o.MaxPeers = or(o.MaxFrame, d.MaxFrame), or(o.MaxPeers, d.MaxPeers)
	o.MaxCalls, o.MaxPending = or(o.MaxCalls, d.MaxCalls), or(o.MaxPending, d.MaxPending)
	o.KeepFrames, o.KeepBytes, o.KeepAge = or(o.KeepFrames, d.KeepFrames), or(o.KeepBytes, d.KeepBytes), or(o.KeepAge, d.KeepAge)
	o.Heartbeat, o.Silence, o.OpenTime = or(o.Heartbeat, d.Heartbeat), or(o.Silence, d.Silence), or(o.OpenTime, d.OpenTime)
	o.BackoffMin = or(o.BackoffMin, d.BackoffMin)
	o.BackoffMax = max(or(o.BackoffMax, d.BackoffMax), o.BackoffMin)
	if o.Handle == nil {
		o.Handle = func(uint64, byte, []byte) {}
	}
	if o.Bulk == nil {
		o.Bulk = func(_ byte, size int) bool { return size > 32<<10 }
	}
	if o.TLS != nil {
		o.TLS = o.TLS.Clone()
		o.TLS.MinVersion = tls.VersionTLS13
		o.TLS.DynamicRecordSizingDisabled = true
		if o.TLS.ClientAuth < tls.RequireAnyClientCert {
			o.TLS.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	return o
}

// Method serves a call. The request is its to keep.
type Method func(ctx context.Context, caller Caller, request []byte) ([]byte, error)

// Caller is who calls.
type Caller struct {
	Name     string // its certificate's; in plain text what it says
	Address  string // where the connection comes from
	Identity        // what it says it is
	Member   bool   // it is the Peer of that number
}

// Hooks are told what happens. Each may be nil. They are called one after the other for a connection, from
// different goroutines for different ones, and must return soon; they may call everything but Close.
type Hooks struct {
	Connect     func(Event)                     // a connection to a peer is there, or from one; nothing is said yet
	Initialized func(Event)                     // both have said hello: messages flow
	Acknowledge func(Event)                     // the peer has handed over more messages: so many as Count says
	Disconnect  func(Event)                     // the link is broken, by Err
	Backoff     func(Event)                     // the next attempt comes after Delay, because of Err
	Reconnect   func(Event)                     // the next attempt, the Count-th since the link broke
	Refused     func(address string, err error) // somebody's connection was refused, or closed without a word
}

// Event is what a hook is told.
type Event struct {
	Peer    uint64
	Name    string
	Address string
	Count   int
	Delay   time.Duration
	Err     error
}

func tell(hook func(Event), e Event) {
	if hook != nil {
		hook(e)
	}
}
