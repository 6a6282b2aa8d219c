package logserver

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// sealed is a connection in TLS that can be written to like a socket: tryWrite never blocks, a
// write that is broken off by its deadline can be gone on with (of a tls.Conn that would be
// the end), and an idle one holds no buffer.
//
// What the tls.Conn makes of a piece of text is kept until the network takes it. Meanwhile the
// last byte of the text counts as not written: whoever is told so comes again with it.
type sealed struct {
	*tls.Conn
	raw      net.Conn
	cipher   *ciphertext
	trySend  func(p []byte) (int, error) // to raw, without blocking
	writable func() error                // waits until raw can be written to; nil: can't be told

	writing sync.Mutex // guards the following; held while somebody writes
	ahead   int        // bytes of the next text that are kept already: 0 or 1
	memory  share      // what is kept
}

// piece is how much text is sealed at a time: one record. More would be quicker for who takes it,
// and is what is held for everybody who doesn't.
const piece = 16 << 10

// newSealed shakes hands as the server, before the deadline. first are the bytes that were
// read of raw; what is kept counts as memory of the budget.
func newSealed(raw net.Conn, first []byte, config *tls.Config, deadline time.Time, memory *budget) (*sealed, error) {
	cipher := &ciphertext{Conn: raw, first: first}
	s := &sealed{
		Conn: tls.Server(cipher, config), raw: raw, cipher: cipher,
		trySend: nonblocking(raw), writable: writable(raw), memory: share{budget: memory},
	}
	_ = raw.SetWriteDeadline(deadline)
	if err := s.Conn.Handshake(); err != nil {
		return nil, err
	}
	cipher.keep()
	_ = raw.SetWriteDeadline(time.Time{})
	return s, nil
}

// tryWrite writes as much as fits at once.
func (s *sealed) tryWrite(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.send(p, s.trySend)
}

// Write writes all of p, or says why not: after a time-out, the rest of p may be written.
func (s *sealed) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.send(p, s.raw.Write)
}

// send seals p piece by piece and has send take it to the network, as far as that goes. The caller
// holds writing.
func (s *sealed) send(p []byte, send func([]byte) (int, error)) (n int, err error) {
	n = min(s.ahead, len(p))
	for {
		gone, err := s.take(send)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		switch {
		case !gone:
			s.ahead = min(n, 1)
			return n - s.ahead, err
		case n == len(p):
			s.ahead = 0
			return n, nil
		}
		s.cipher.expect()
		m, err := s.Conn.Write(p[n:min(n+piece, len(p))])
		n += m
		if err != nil {
			return n, err
		}
	}
}

// take has send take what is kept to the network, and tells whether all of it has gone. The caller
// holds writing.
func (s *sealed) take(send func([]byte) (int, error)) (gone bool, err error) {
	gone, err = s.cipher.send(send)
	held := 0
	if !gone && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		held = maxKept
	}
	s.memory.set(int64(held))
	return gone, err
}

// waitWritable waits until everything that is kept has gone.
func (s *sealed) waitWritable() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	for {
		if gone, err := s.take(s.trySend); gone || err != nil {
			return err
		}
		if err := s.writable(); err != nil {
			return err
		}
	}
}

// The deadlines are the network's: the tls.Conn itself never waits to write.

func (s *sealed) SetDeadline(t time.Time) error      { return s.raw.SetDeadline(t) }
func (s *sealed) SetWriteDeadline(t time.Time) error { return s.raw.SetWriteDeadline(t) }

// CloseWrite says that nothing more comes, as far as that can't block.
func (s *sealed) CloseWrite() error {
	gone, err := s.farewell()
	half, ok := s.raw.(interface{ CloseWrite() error })
	if err != nil || !gone || !ok {
		return err
	}
	return half.CloseWrite()
}

// Close ends the connection, with a farewell if that can't block.
func (s *sealed) Close() error {
	_, _ = s.farewell()
	err := s.raw.Close()
	if s.writing.TryLock() { // who writes otherwise sees that it is closed
		s.memory.set(0)
		s.writing.Unlock()
	}
	return err
}

func (s *sealed) farewell() (gone bool, err error) {
	if !s.writing.TryLock() { // somebody waits for a client that takes nothing
		return false, nil
	}
	defer s.writing.Unlock()
	if err := s.Conn.CloseWrite(); err != nil {
		return false, err
	}
	return s.take(s.trySend)
}

// ciphertext is the network as a tls.Conn sees it: after the handshake, what is written is
// kept until somebody sends it.
type ciphertext struct {
	net.Conn
	first []byte // owned by the reader: what was read before it

	mu    sync.Mutex // guards the following
	keeps bool
	kept  []byte
	sent  int // bytes of kept that have gone
}

const (
	// maxAnswers is what is kept of what the client has TLS itself say, to whom nothing else is said
	// meanwhile.
	maxAnswers = 1 << 10
	// maxKept is more than one piece and such answers ever come to.
	maxKept = piece + 2<<10
)

var errKept = errors.New("logserver: the client has TLS answer and doesn't take the answers")

// ciphers are buffers for one piece each.
var ciphers = sync.Pool{New: func() any { p := make([]byte, 0, maxKept); return &p }}

// expect makes room for a piece.
func (c *ciphertext) expect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cap(c.kept) < maxKept {
		c.kept = append((*ciphers.Get().(*[]byte))[:0], c.kept...)
	}
}

func (c *ciphertext) keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keeps = true
}

func (c *ciphertext) Read(p []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	if c.first = c.first[n:]; len(c.first) == 0 {
		c.first = nil
	}
	return n, nil
}

func (c *ciphertext) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.keeps:
		return c.Conn.Write(p)
	case len(c.kept)+len(p) > max(cap(c.kept), maxAnswers):
		return 0, errKept
	}
	c.kept = append(c.kept, p...)
	return len(p), nil
}

// SetWriteDeadline is for the network alone.
func (c *ciphertext) SetWriteDeadline(time.Time) error { return nil }

// send sends what is kept, and tells whether all of it has gone. One goroutine at a time.
func (c *ciphertext) send(send func([]byte) (int, error)) (gone bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.sent < len(c.kept) {
		p := c.kept[c.sent:]
		c.mu.Unlock()
		n, err := send(p)
		c.mu.Lock()
		c.sent += n
		if err != nil || n < len(p) {
			return false, err
		}
	}
	kept := c.kept[:0]
	c.kept, c.sent = nil, 0
	if cap(kept) == maxKept {
		ciphers.Put(&kept)
	}
	return true, nil
}
