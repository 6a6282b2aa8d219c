package peer

import (
	"encoding/binary"
	"fmt"
)

// The version of what is spoken, and how a hello begins.
const (
	magic   = "RINGPEER"
	version = 1
)

// What a connection is for.
const (
	forLink = 1
	forCall = 2
)

// The lanes of a link: what is bulk waits for what is urgent.
const (
	urgent = iota
	bulk
	lanes
)

// hello is what both ends say first.
type hello struct {
	purpose byte
	Identity
	to         uint64 // the number of the node that is wanted; 0: whoever it is
	start      uint64 // drawn by a Links when it is made
	connection uint64 // drawn by who dialed
	previous   uint64 // the connection of the two that this end lost last; 0: none
	known      uint64 // the other end's start that received is about; 0: none
	received   [lanes]uint64
}

func (h *hello) append(dst []byte) []byte {
	dst = append(append(dst, magic...), version, h.purpose)
	dst = append(append(dst, h.Cluster[:]...), h.Node[:]...)
	for _, n := range []uint64{h.Number, h.Incarnation, h.to, h.start, h.connection, h.previous, h.known, h.received[urgent], h.received[bulk]} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return append(append(dst, byte(len(h.Name))), h.Name...)
}

// parseHello reads what append wrote. The error is an ErrFrame, or an *Error for another version, which whoever
// says hello is told.
func parseHello(b []byte) (h hello, err error) {
	bad := func(what string) (hello, error) { return hello{}, fmt.Errorf("%w: hello: %s", ErrFrame, what) }
	if len(b) < len(magic)+1 || string(b[:len(magic)]) != magic {
		return bad("no magic")
	}
	if v := b[len(magic)]; v != version {
		return hello{}, refusedf(CodeVersion, "nodes speak version %d here, not %d; run releases that belong together", version, v)
	}
	b = b[len(magic)+1:]
	const fixed = 1 + 16 + 16 + 9*8 + 1
	if len(b) < fixed {
		return bad("too short")
	}
	h.purpose = b[0]
	copy(h.Cluster[:], b[1:])
	copy(h.Node[:], b[17:])
	b = b[33:]
	for _, n := range []*uint64{&h.Number, &h.Incarnation, &h.to, &h.start, &h.connection, &h.previous, &h.known, &h.received[urgent], &h.received[bulk]} {
		*n = binary.LittleEndian.Uint64(b)
		b = b[8:]
	}
	if len(b) != 1+int(b[0]) {
		return bad("length")
	}
	h.Name = string(b[1:])
	switch {
	case h.purpose != forLink && h.purpose != forCall:
		return bad("purpose")
	case h.start == 0 || h.connection == 0:
		return bad("it isn't numbered")
	case h.Name != "" && CheckName(h.Name) != nil:
		return bad("name")
	}
	return h, nil
}

// An error as it is sent: the code's length, the code, the text.
func (e *Error) append(dst []byte) []byte {
	code := e.Code[:min(len(e.Code), 255)]
	dst = append(append(dst, byte(len(code))), code...)
	return append(dst, e.Text[:min(len(e.Text), maxRefused-256)]...)
}

func parseError(b []byte) error {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return fmt.Errorf("%w: error", ErrFrame)
	}
	n := 1 + int(b[0])
	return &Error{string(b[1:n]), string(b[n:])}
}
