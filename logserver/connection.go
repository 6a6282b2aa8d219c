package logserver

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// connection is one client. Its goroutine reads lines and hands appends to the
// Log; answers come back through the outbox; while a read is under way whoever drives
// it is the only one that writes (tail.go).
type connection struct {
	limits *ServerOptions
	log    *Log
	net    net.Conn
	id     uuid.UUID
	stream bool // of Server.Stream

	// Owned by the connection's goroutine.
	lines      *protocol.LineReader
	*desk               // while lines are handled
	deadline   deadline // of the next read
	reads      uint64   // counts them
	quietSince uint64   // the read after which the deadline was set, if it is forQuiet
	memory     share    // of what all connections may hold
	listed     bool     // the budget knows of its half line
	draining   bool     // the server stops: what is on its way is still read
	*admission

	out      outbox
	tails    sync.WaitGroup            // the read under way
	stopping atomic.Bool               // the server stops: refuse appends, end when answered
	stopAt   atomic.Pointer[time.Time] // until then the client may take what it is owed
}

// desk is what the handling of lines needs. Connections share a few: an idle one has
// none.
type desk struct {
	parser  protocol.Parser
	message protocol.Message
	pending []submission // appends of the lines that one read brought
	entries []entry      // theirs
}

// size returns how many bytes of memory the lists take.
func (d *desk) size() int {
	return cap(d.pending)*int(unsafe.Sizeof(submission{})) + cap(d.entries)*int(unsafe.Sizeof(entry{}))
}

func newConnection(s *Server, nc net.Conn) *connection {
	c := &connection{
		limits: &s.options,
		log:    s.log,
		net:    nc,
		id:     uuid.New(),
		lines:  protocol.NewLineReader(nc, s.log.options.MaxEntry+protocol.Envelope),
	}
	c.admission = s.admit(nc)
	c.memory.budget = &s.log.memory
	c.out.init(c)
	return c
}

// serve reads the connection to its end, sees that everything asked for is
// answered, and closes it. Nothing of it is left when it returns; but one that
// speaks HTTP, or TLS, is left as it is, to be handed over.
func (c *connection) serve() spoken {
	c.debug("connected", nil)
	c.keepAlive()
	farewell, err := c.read()
	switch {
	case errors.Is(err, errHTTP):
		c.memory.set(0)
		return speaksHTTP
	case errors.Is(err, errTLS):
		c.memory.set(0)
		return speaksTLS
	}
	c.finish(farewell, err)
	c.debug("disconnected", ignoreEOF(err))
	return speaksLines
}

// debug writes a log line for those who want to see every connection.
//
//go:noinline // what it needs would lie on every idle connection's stack, which just fits into 2 KiB
func (c *connection) debug(message string, reason error) {
	if c.log.options.Logger.GetLevel() <= zerolog.DebugLevel {
		c.logger().Debug().AnErr("reason", reason).Msg(message)
	}
}

// logger returns a logger that names the connection. It is made when it is needed:
// an idle connection should hold nothing that it can do without.
func (c *connection) logger() *zerolog.Logger {
	own := c.log.options.Logger.With().Stringer("connection", c.id).Stringer("peer", c.net.RemoteAddr()).Logger()
	return &own
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (c *connection) keepAlive() {
	if tc, ok := c.net.(*net.TCPConn); ok {
		_ = tc.SetKeepAliveConfig(net.KeepAliveConfig{
			Enable: true, Idle: c.limits.KeepAlive, Interval: c.limits.KeepAlive / 2, Count: 4,
		})
	}
}

// read handles line after line. It returns when the client has sent its last
// one (io.EOF), the connection broke, or a line was met that closes it: then
// farewell is the error to say. The first bytes may tell that it speaks HTTP (errHTTP)
// or TLS (errTLS).
func (c *connection) read() (farewell string, err error) {
	speaks := unsure
	for {
		if err := c.out.waitForRoom(); err != nil {
			return "", err
		}
		c.setDeadline()
		err := c.lines.Fill()
		if speaks == unsure {
			if speaks = sniff(c.lines.Rest()); speaks != unsure {
				if farewell, err := c.begins(speaks); err != nil {
					return farewell, err
				}
			}
		}
		c.account()
		farewell := c.handleLines()
		c.out.flush()
		c.account()
		if err := c.checkHalf(); err != nil {
			return "", err
		}
		switch {
		case farewell != "":
			return farewell, errors.New(farewell)
		case errors.Is(err, protocol.ErrLineTooLong):
			return protocol.ErrorLineTooLong, err
		case err != nil && c.stopping.Load() && !c.draining:
			c.drainInput()
		case errors.Is(err, os.ErrDeadlineExceeded) && c.deadline == forQuiet && !c.stopping.Load():
			c.rest()
		case err != nil:
			return "", err
		default:
			c.reads++
		}
	}
}

// account says what the connection holds.
func (c *connection) account() {
	held := c.lines.Size() + c.out.size()
	if c.desk != nil {
		held += c.desk.size()
	}
	c.memory.set(int64(held))
}

// checkHalf sees to it that, when all together hold too much, those with the longest half
// lines are dropped.
func (c *connection) checkHalf() error {
	half := int64(0)
	if c.lines.Partial() > longHalf {
		half = int64(c.lines.Size())
	}
	if half == 0 && !c.listed {
		return nil
	}
	c.listed = half > 0
	for _, longest := range c.memory.budget.half(c, half) {
		c.log.metrics.trouble(troubleMemory)
		c.log.refusals.Warn(*longest.logger(), "MEMORY is used up: the connection with the longest half line was dropped")
		if longest == c {
			return errNoMemory
		}
		longest.cut()
	}
	return nil
}

var errNoMemory = errors.New("logserver: out of memory for connections")

// drainInput gives the lines that are already on their way a moment to be read
// and answered, before the connection of a stopping server is closed.
func (c *connection) drainInput() {
	c.draining = true
	_ = c.net.SetReadDeadline(time.Now().Add(c.limits.StopGrace))
}

// quietSize is how much a connection may hold while nothing comes.
const quietSize = 4 << 10

// rest gives memory back if the connection has been quiet.
func (c *connection) rest() {
	if c.reads == c.quietSince {
		c.lines.Shrink()
		c.out.shrink()
		c.account()
	}
	c.deadline = noDeadline
	c.readUntil(time.Time{})
}

// finish lets everything that was asked for end, says farewell if there is
// one, and closes. After io.EOF a read goes on to its {"current":true}; after
// anything else it ends at once.
func (c *connection) finish(farewell string, err error) {
	atCurrent := errors.Is(err, io.EOF)
	if inOrder := atCurrent || farewell != "" || c.stopping.Load(); !inOrder {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.tellDeadline()
		}
		c.out.abandon()
	}
	if farewell != "" {
		c.log.metrics.refuse(farewell, 1)
	}
	c.out.endTail(atCurrent)
	c.tails.Wait()
	c.out.finish(farewell)
	c.linger(farewell != "" || c.stopping.Load())
	c.unwatch()
	_ = c.net.Close()
	c.memory.set(0)
	if c.listed {
		c.memory.budget.half(c, 0)
	}
}

// The appender's side: called by whoever commits.

func (c *connection) resolve(o *order.Outcome) { c.out.resolve(o) }

func (c *connection) fail(n int, reason string) { c.out.fail(n, reason) }

func (c *connection) flush() { c.out.release() }
