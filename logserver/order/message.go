package order

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// A Message goes from one node's Core to another's. Messages may be lost, repeated,
// delayed and reordered; none of them may be altered.
type Message struct {
	From, To uint64
	Kind     MessageKind
	Payload  []byte // not to be changed, by either side
}

// MessageKind says what a message's payload is. All but Raft's begin with a version byte.
type MessageKind uint8

// The kinds. Pull, Want, Put, Hold, Held, Fetch and Fetched are for those who keep content and decided frames:
// Step doesn't take them.
const (
	_               MessageKind = iota
	MessageRaft                 // one of Raft's own, as protobuf
	MessageProposal             // to the leader: an envelope
	MessageRefused              // from the leader: which of a node's proposals it wants
	MessageHello                // of a node that has started: what it remembers
	MessageWelcome              // the answer
	MessageKept                 // of a leader: up to where it has stored entries
	MessagePull                 // asks for decided records: see Pull
	MessageRecords              // a decided frame, in answer to a pull
	MessageWant                 // asks for content: see Want
	MessagePut                  // a content frame
	MessageClock                // what time it is there
	MessageHold                 // a content frame, to be flushed and answered
	MessageHeld                 // the answer: the digest of what is flushed
	MessageFetch                // asks for content that is to be read: see Want
	MessageFetched              // the answer: see AppendFetched
	messageKinds
)

// ErrMessage is wrapped by the error for a message that no Core has sent. Nothing was
// done.
var ErrMessage = errors.New("invalid message")

const messageVersion = 1

// Pull asks for the decided records of Raft entries First to Last. The answer is a
// Records message with those that there are, the first of them first, as many as are
// well sent at once, and at least one; or nothing.
type Pull struct{ First, Last uint64 }

func (p Pull) append(dst []byte) []byte {
	return appendUvarints(append(dst, messageVersion), p.First, p.Last)
}

// ReadPull reads a Pull's payload.
func ReadPull(payload []byte) (p Pull, err error) {
	const what = "pull"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return p, err
	}
	p.First = r.between(1, maxNumber)
	p.Last = r.between(p.First, maxNumber)
	return p, r.end(what)
}

// Want asks for the content of a batch. Log and Index are where its first accepted entry
// is, if that is decided: by them it is found when the batch is an old one.
type Want struct {
	Digest blobstore.Digest
	Log    uint32 // 0: not decided
	Index  uint64
}

// Payload is a Want message's.
func (w *Want) Payload() []byte { return w.append(nil) }

func (w *Want) append(dst []byte) []byte {
	return appendUvarints(append(append(dst, messageVersion), w.Digest[:]...), uint64(w.Log), w.Index)
}

// ReadWant reads a Want's payload.
func ReadWant(payload []byte) (w Want, err error) {
	const what = "want"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return w, err
	}
	w.read(&r)
	return w, r.end(what)
}

func (w *Want) read(r *reader) {
	r.into(w.Digest[:])
	w.Log, w.Index = r.uint32(), r.between(0, maxNumber)
}

// AppendFetch appends a Fetch message's payload: w.
func AppendFetch(dst []byte, w *Want) []byte { return w.append(dst) }

// AppendFetched appends a Fetched message's payload: what was asked for, and the payload of its content frame;
// nothing if that isn't there.
func AppendFetched(dst []byte, w *Want, content []byte) []byte {
	return append(w.append(dst), content...)
}

// ReadFetched reads what AppendFetched wrote.
func ReadFetched(payload []byte) (w Want, content []byte, err error) {
	r := reader{b: payload}
	if err := r.version("fetched"); err != nil {
		return w, nil, err
	}
	w.read(&r)
	if r.bad {
		return w, nil, fmt.Errorf("fetched: %w", r.malformed())
	}
	return w, r.b, nil
}

// AppendHeld appends a Held message's payload: the sender has flushed the content of a batch.
func AppendHeld(dst []byte, d blobstore.Digest) []byte {
	return append(append(dst, messageVersion), d[:]...)
}

// ReadHeld reads what AppendHeld wrote.
func ReadHeld(payload []byte) (d blobstore.Digest, err error) {
	const what = "held"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return d, err
	}
	r.into(d[:])
	return d, r.end(what)
}

// kept is up to where a leader has stored entries in its term. Those who follow tell it
// with every acknowledgement; what a leader has would otherwise be known to nobody.
type kept struct{ term, last uint64 }

func (k kept) append(dst []byte) []byte {
	return appendUvarints(append(dst, messageVersion), k.term, k.last)
}

func (k *kept) decode(payload []byte) error {
	const what = "kept"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return err
	}
	k.term, k.last = r.between(0, maxNumber), r.between(0, maxNumber)
	return r.end(what)
}

// refusal tells a node which proposal of an incarnation the leader wants next.
type refusal struct{ incarnation, next uint64 }

func (f refusal) append(dst []byte) []byte {
	return appendUvarints(append(dst, messageVersion), f.incarnation, f.next)
}

func (f *refusal) decode(payload []byte) error {
	const what = "refusal"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return err
	}
	f.incarnation, f.next = r.uvarint(), r.between(1, maxNumber)
	return r.end(what)
}

func (c *Core) send(to uint64, kind MessageKind, payload []byte) {
	c.outbox = append(c.outbox, Message{c.options.Node, to, kind, payload})
}

// Messages returns what is to be sent now, and forgets it. It is asked for after Ready,
// for what may leave while that is flushed, and after Advance, Step and Tick.
func (c *Core) Messages() []Message {
	out := c.outbox
	c.outbox = nil
	return out
}

// Step takes a message from another node. ErrMessage means that it was none; any other
// error is fatal.
func (c *Core) Step(m Message) error {
	if c.failed != nil {
		return c.failed
	}
	if c.node == nil || m.To != c.options.Node || m.From == m.To {
		return fmt.Errorf("%w: not for a node that runs here", ErrMessage)
	}
	err := c.step(&m)
	if err != nil && !errors.Is(err, ErrMessage) {
		return c.fatal(err)
	}
	return err
}

func (c *Core) step(m *Message) (err error) {
	switch m.Kind {
	case MessageRaft:
		return c.stepRaft(m)
	case MessageProposal:
		return c.stepProposal(m)
	case MessageRefused:
		err = c.stepRefused(m)
	case MessageHello:
		err = c.stepHello(m)
	case MessageWelcome:
		err = c.stepWelcome(m)
	case MessageKept:
		err = c.stepKept(m)
	case MessageClock:
		err = c.stepClock(m)
	case MessageRecords:
		c.stepRecords(m)
	default:
		err = unknown("kind of message", uint64(m.Kind))
	}
	if err != nil {
		err = fmt.Errorf("%w: %v", ErrMessage, err)
	}
	return err
}

// Arrived says that content has come: Options.Has may now tell of more.
func (c *Core) Arrived() error {
	if c.failed != nil {
		return c.failed
	}
	if err := c.release(); err != nil {
		return c.fatal(err)
	}
	return nil
}

// Tick says that a tenth of a second has passed, and what time it is, Unix nanoseconds.
// An error is fatal.
func (c *Core) Tick(now int64) error {
	if c.failed != nil {
		return c.failed
	}
	if err := c.tick(now); err != nil {
		return c.fatal(err)
	}
	return nil
}

func (c *Core) tick(now int64) error {
	c.ticks++
	c.clock = now
	c.probation.tick(c)
	if !c.takesPart() {
		return nil
	}
	if err := c.tickRaft(); err != nil {
		return err
	}
	c.tellKept()
	c.tellTime()
	if err := c.yield(); err != nil {
		return err
	}
	if err := c.release(); err != nil {
		return err
	}
	c.askForContent()
	c.pull.tick(c)
	if err := c.retryReads(); err != nil {
		return err
	}
	if err := c.introduceAgain(); err != nil {
		return err
	}
	if err := c.handOverAgain(); err != nil {
		return err
	}
	return c.manage()
}

// tickRaft is Raft's tick.
func (c *Core) tickRaft() (err error) {
	defer caught(&err)
	c.node.Tick()
	return nil
}
