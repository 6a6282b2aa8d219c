package peer

import (
	"bufio"
	"net"
	"sync"
)

// cork is what TLS writes to and reads from: it makes one write of its many small records, and one read. Until it
// is put on, everything is written at once.
type cork struct {
	net.Conn
	r *bufio.Reader

	mu  sync.Mutex // guards the following
	on  bool
	buf []byte
}

func newCork(nc net.Conn) *cork { return &cork{Conn: nc, r: bufio.NewReaderSize(nc, 64<<10)} }

func (c *cork) Read(p []byte) (int, error) { return c.r.Read(p) }

func (c *cork) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		return c.Conn.Write(p)
	}
	if len(c.buf)+len(p) > cap(c.buf) {
		if err := c.empty(); err != nil {
			return 0, err
		}
	}
	c.buf = append(c.buf, p...)
	return len(p), nil
}

// put puts the cork on, so that writes wait for flush.
func (c *cork) put() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.on {
		c.on, c.buf = true, make([]byte, 0, 64<<10)
	}
}

func (c *cork) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.empty()
}

// empty writes what waits. c.mu is held.
func (c *cork) empty() error {
	if len(c.buf) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}
