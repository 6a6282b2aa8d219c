package protocol

import (
	"errors"
	"time"
)

// Limits of the grammar.
const (
	// DefaultMaxEntry is the most bytes of an entry when Limits says nothing.
	DefaultMaxEntry = 1 << 20
	// Envelope is how much longer than an entry a line may be: the line limit
	// is MaxEntry + Envelope, without the LF or CR LF that ends the line.
	Envelope = 64 << 10
	// MaxDepth is how deep an entry, or any other member of a message, may
	// nest, counted from its own bracket.
	MaxDepth = 128
	// MaxEntries is the most entries of one append.
	MaxEntries = 10_000
	// MaxID is the most bytes of an id, decoded.
	MaxID = 256
	// MaxKey is the most bytes of a key, decoded.
	MaxKey = 256
	// MaxProducer is the most bytes of a producer's name, decoded.
	MaxProducer = 64
	// MaxLog is the most bytes of a log's name.
	MaxLog = 128
)

// MainLog is the log that is meant where a message names none.
const MainLog = "main"

// What is wrong with a line. Parse and Compact return these values as they
// are, never wrapped.
var (
	// ErrJSON: the line is not one JSON text of RFC 8259. Answer
	// ErrorInvalidJSON and close the connection: where the next message
	// begins is anyone's guess.
	ErrJSON = errors.New("protocol: invalid JSON")

	// ErrMessage: JSON, but not a message. Answer ErrorInvalidMessage, with
	// Message.ID, and go on.
	ErrMessage = errors.New("protocol: invalid message")

	// ErrTooLong: a message, but one of its entries is longer than
	// Limits.MaxEntry without its white space. Answer ErrorLineTooLong and
	// close the connection, as for ErrLineTooLong: to the client both are the
	// one limit.
	ErrTooLong = errors.New("protocol: entry too long")

	// ErrLineTooLong: the line being read is longer than the LineReader's
	// limit. Answer ErrorLineTooLong and close the connection.
	ErrLineTooLong = errors.New("protocol: line too long")
)

// Kind is what a message asks for.
type Kind uint8

// The kinds of messages; the zero Kind is none of them.
const (
	KindAppend Kind = iota + 1
	KindRead
	KindHead
	KindLogs
	KindAuth
)

// String returns the kind's name, for log lines and tests.
func (k Kind) String() string {
	switch k {
	case KindAppend:
		return "append"
	case KindRead:
		return "read"
	case KindHead:
		return "head"
	case KindLogs:
		return "logs"
	case KindAuth:
		return "auth"
	}
	return "none"
}

// Message is a parsed line. Its slices point into that line, except Entries
// itself, which belongs to the Message and is used again by the next Parse
// into it. Fields that its Kind does not know are zero.
type Message struct {
	Kind Kind

	// ID is the JSON string as sent, with its quotes and escapes, to be copied
	// into the answer; nil if there is none. An append always has one.
	ID []byte
	// Log is a valid name (see ValidLog); nil stands for MainLog.
	Log []byte

	// Of an append:

	// Entries are the entries, one or more, without white space between tokens.
	Entries [][]byte
	// Multi tells that they came as "entries": the answer has a count.
	Multi bool
	// Key is decoded; nil if there is none, never empty.
	Key []byte
	// Producer is decoded; nil if there is none, never empty. Seq is its
	// number, 1 or more; they come together or not at all.
	Producer []byte
	Seq      uint64
	// After is the head that the log must have, if HasAfter.
	After    uint64
	HasAfter bool

	// Of a read:

	From From
	// Read is the most entries wanted; 0 if the message does not say.
	Read uint64
	// Follow is true unless the message says otherwise.
	Follow bool
	Meta   bool
	Echo   bool

	// Of a head: Members tells that it also asks who the members are.
	Members bool

	// Of auth: Token is decoded, not nil, and may be empty.
	Token []byte
}

// FromKind says how a read told its beginning.
type FromKind uint8

// The ways to say where a read begins.
const (
	FromIndex FromKind = iota // at From.Index, 1 or more
	FromEnd                   // with the last From.Index entries, 1 or more
	FromTime                  // at the first entry at or after From.Time
	FromAge                   // at the first entry at or after now - From.Age
)

// From is where a read begins.
type From struct {
	Kind  FromKind
	Index uint64
	// Time is in UTC and within what Time.UnixNano can tell: an earlier time
	// is the earliest of those, a later one the latest.
	Time time.Time
	// Age is not negative.
	Age time.Duration
}

// ValidLog tells whether name can be a log's: 1 to 128 of A-Z a-z 0-9 . _ -,
// not beginning with . or _.
func ValidLog[T []byte | string](name T) bool {
	if len(name) == 0 || len(name) > MaxLog || name[0] == '.' || name[0] == '_' {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
