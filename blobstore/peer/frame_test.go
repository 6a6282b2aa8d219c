package peer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func TestHelloRoundTrip(t *testing.T) {
	want := hello{
		purpose: forCall, Identity: Identity{Cluster: cluster, Node: [16]byte{9}, Number: 1 << 60, Name: "a.b_c-D9", Incarnation: 7},
		to: 2, start: 3, connection: 4, previous: 5, known: 6, received: [lanes]uint64{8, 9},
	}
	got, err := parseHello(want.append(nil))
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// The bytes of a frame and of a hello, as the package document has them.
func TestBytesOnTheWire(t *testing.T) {
	h := header{kind: frameBulk, message: 9, length: 3, rest: 2, sequence: 1<<40 + 1}
	frame := append(h.append(nil, []byte("abc")), "abc"...)
	want := []byte{0x50, 0xd2, 0x2b, 0x1a, 3, 0, 0, 0, 5, 9, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 'a', 'b', 'c'}
	if !bytes.Equal(frame, want) {
		t.Errorf("a frame is\n%#v, want\n%#v", frame, want)
	}
	said := (&hello{purpose: forLink, Identity: second(), to: 3, start: 4, connection: 5, previous: 6, known: 7, received: [lanes]uint64{8, 9}}).append(nil)
	number := func(n byte) []byte { return []byte{n, 0, 0, 0, 0, 0, 0, 0} }
	want = append([]byte("RINGPEER\x01\x01"), cluster[:]...)
	want = append(append(want, 2), make([]byte, 15)...)
	for _, n := range []byte{2, 1, 3, 4, 5, 6, 7, 8, 9} {
		want = append(want, number(n)...)
	}
	if want = append(want, "\x02n2"...); !bytes.Equal(said, want) {
		t.Errorf("a hello is\n%#v, want\n%#v", said, want)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{})
	f.Add(appendFrame(nil, frameHello, (&hello{start: 1}).append(nil)))
	f.Add(appendAck(nil, [lanes]uint64{1, 2}))
	f.Add(spoil(frameMessage, 1<<31, 0, []byte("x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		h, payload, err := readFrame(bufio.NewReader(bytes.NewReader(b)), limit)
		if err != nil {
			if !errors.Is(err, ErrFrame) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			return
		}
		if len(payload) > limit || uint32(len(payload)) != h.length {
			t.Fatalf("%d bytes, %d are said", len(payload), h.length)
		}
		if again := append(h.append(nil, payload), payload...); !bytes.HasPrefix(b, again) {
			t.Fatalf("%x became %x", b, again)
		}
		_ = parseError(payload)
	})
}

func FuzzHello(f *testing.F) {
	f.Add([]byte(magic))
	f.Add(helloOf(second()).append(nil))
	f.Add((&hello{purpose: forCall, start: 1, connection: 2}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		said, err := parseHello(b)
		if err != nil {
			if !errors.Is(err, ErrFrame) && Code(err) != CodeVersion {
				t.Fatal(err)
			}
			return
		}
		if again := said.append(nil); !bytes.Equal(again, b) || len(b) > maxHello {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

// textConn is a connection on which a text comes.
type textConn struct {
	net.Conn
	bytes.Reader
}

func (c *textConn) Read(p []byte) (int, error)      { return c.Reader.Read(p) }
func (c *textConn) SetReadDeadline(time.Time) error { return nil }

// FuzzLink: whatever comes after the hellos, what is handed over is in order, whole and not too long.
func FuzzLink(f *testing.F) {
	message := func(kind frameType, rest uint32, sequence uint64, payload string) []byte {
		h := header{length: uint32(len(payload)), kind: kind, message: 1, rest: rest, sequence: sequence}
		return append(h.append(nil, []byte(payload)), payload...)
	}
	f.Add([]byte{})
	f.Add(bytes.Join([][]byte{
		message(frameMessage, 0, 1, "first"), message(frameBulk, 3, 1, "abc"), message(frameMessage, 0, 2, ""), message(frameBulk, 0, 1, "def"),
		appendAck(nil, [lanes]uint64{1, 1}), message(frameMessage, 0, 2, "again"),
	}, nil))
	f.Add(append(message(frameBulk, 3, 1, "abc"), message(frameBulk, 3, 2, "abc")...))
	f.Add(append(message(frameBulk, 3, 1, "abc"), message(frameBulk, 4, 1, "abc")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 12
		total := 0
		l := New(Options{
			MaxFrame: limit, Self: func() Identity { return Identity{} },
			Handle: func(_ uint64, _ byte, payload []byte) {
				if total += len(payload); len(payload) > limit || total > len(b) {
					t.Fatalf("%d bytes, of %d together", len(payload), total)
				}
			},
		})
		defer l.Close()
		k := l.newLink(2)
		k.send(1, [][]byte{[]byte("x")})
		c := newConnection(&textConn{Reader: *bytes.NewReader(b)}, "", false)
		c.inbox = &inbox{start: 1}
		r := reading{link: k, c: c}
		before := c.inbox.take()
		for {
			err := r.take()
			now := c.inbox.take()
			if now[urgent] < before[urgent] || now[bulk] < before[bulk] {
				t.Fatalf("%v after %v", now, before)
			}
			if before = now; err != nil {
				if !errors.Is(err, ErrFrame) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				return
			}
		}
	})
}
