package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// connection is a connection to or from another node.
type connection struct {
	net.Conn          // TLS, if there is
	cork     *cork    // between the two, or nil
	raw      net.Conn // what is below it
	r        *bufio.Reader
	address  string // of the other end
	dialed   bool   // by this end
	name     string // what the other end's certificate says; empty in plain text

	id    uint64 // drawn by who dialed
	inbox *inbox

	end   sync.Once
	ended chan struct{} // closed by close
	err   error         // why; written by close
	read  chan struct{} // closed when its reader has handed over its last message
	due   atomic.Bool   // the other end waits for an acknowledgement

	silence  time.Duration // 0: SetDeadline limits reading; owned by who reads
	extended time.Time     // when the deadline was set by silence; likewise
	heard    atomic.Int64  // when something came last, Unix nanoseconds
}

func newConnection(nc net.Conn, address string, dialed bool) *connection {
	c := &connection{
		Conn: nc, raw: nc, address: address, dialed: dialed, ended: make(chan struct{}), read: make(chan struct{}),
	}
	c.r = bufio.NewReaderSize((*listening)(c), 64<<10)
	return c
}

// listening is a connection that is read from: it ends if nothing comes for as long as silence says.
type listening connection

func (c *listening) Read(p []byte) (int, error) {
	now := time.Now()
	if c.silence > 0 && now.Sub(c.extended) > c.silence/8 {
		if err := c.SetReadDeadline(now.Add(c.silence)); err != nil {
			return 0, err
		}
		c.extended = now
	}
	n, err := c.Conn.Read(p)
	if n > 0 && c.silence > 0 {
		c.heard.Store(time.Now().UnixNano())
	}
	if c.silence > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("nothing came for %v", c.silence)
	}
	return n, err
}

// established begins the time after the hellos: what limits it now is silence alone.
func (c *connection) established(silence time.Duration) {
	_ = c.SetDeadline(time.Time{}) // a connection that is closed says so when it is read
	c.silence = silence
	c.heard.Store(time.Now().UnixNano())
}

// close closes the connection; the first says why.
func (c *connection) close(err error) {
	c.end.Do(func() {
		c.err = err
		close(c.ended)
		c.raw.Close() // what was written before still arrives
	})
}

// secure ends the handshake of TLS and takes the name out of the certificate.
func (c *connection) secure(ctx context.Context, config *tls.Config) error {
	if config == nil {
		return nil
	}
	open := tls.Server
	if c.dialed {
		open = tls.Client
	}
	c.cork = newCork(c.raw)
	t := open(c.cork, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	c.Conn = t
	name, err := nodeName(t.ConnectionState().PeerCertificates)
	if err != nil {
		return err
	}
	c.name = name
	return nil
}

// Role is how the URI in a node's certificate begins; its name follows.
const Role = "ringlog://node/"

// nodeName is the name of the node whose certificate this is.
func nodeName(chain []*x509.Certificate) (string, error) {
	if len(chain) == 0 {
		return "", refusedf(CodeRefused, "no certificate")
	}
	for _, uri := range chain[0].URIs {
		if name := uri.String(); len(name) > len(Role) && name[:len(Role)] == Role && CheckName(name[len(Role):]) == nil {
			return name[len(Role):], nil
		}
	}
	return "", refusedf(CodeRefused, "the certificate of %s is not a node's: want one with the URI %sNAME, as `ringlog cluster certs` makes them",
		chain[0].Subject, Role)
}

// say sends the first frame of this end.
func (c *connection) say(kind frameType, payload []byte) error {
	_, err := c.Write(appendFrame(nil, kind, payload))
	return err
}

// listen reads the first frame of the other end: a hello of that type, or an error.
func (c *connection) listen(want frameType) (hello, error) {
	h, payload, err := readFrame(c.r, maxRefused)
	switch {
	case err != nil:
		return hello{}, err
	case h.kind == frameRefused:
		return hello{}, parseError(payload)
	case h.kind != want || len(payload) > maxHello:
		return hello{}, fmt.Errorf("%w: no hello", ErrFrame)
	}
	said, err := parseHello(payload)
	if err != nil {
		return said, err
	}
	return said, c.judge(&said)
}

// judge compares what the other end says with its certificate.
func (c *connection) judge(said *hello) error {
	if c.name == "" {
		return nil
	}
	if said.Name == "" {
		said.Name = c.name
	}
	if said.Name != c.name {
		return refusedf(CodeRefused, "it calls itself %s, but its certificate is that of %s: give NODE and PEER_CERT the same name", said.Name, c.name)
	}
	return nil
}

// tell says no, and why.
func (c *connection) tell(e *Error) { _ = c.say(frameRefused, e.append(nil)) }

// fresh tells whether something came lately.
func (c *connection) fresh(limit time.Duration) bool {
	return time.Since(time.Unix(0, c.heard.Load())) < limit
}

// inbox is how far the messages of one start of another node were handed over.
type inbox struct {
	start uint64

	mu       sync.Mutex // guards the following
	received [lanes]uint64
}

func (b *inbox) take() [lanes]uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.received
}

// took remembers that a message was handed over.
func (b *inbox) took(lane int, sequence uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received[lane] = sequence
}

func (b *inbox) has(lane int, sequence uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return sequence <= b.received[lane]
}

func parseAck(payload []byte) (received [lanes]uint64, err error) {
	if len(payload) != 8*lanes {
		return received, fmt.Errorf("%w: acknowledgement", ErrFrame)
	}
	for i := range received {
		received[i] = binary.LittleEndian.Uint64(payload[8*i:])
	}
	return received, nil
}
