package logserver

import (
	"context"
	"errors"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// handleLines handles every whole line that the last read from the socket
// brought. Appends among them travel together. It returns the error to say
// farewell with when a line closes the connection.
func (c *connection) handleLines() (farewell string) {
	c.desk = c.log.desks.Get().(*desk)
	defer func() {
		if c.desk.size() <= largeDesk {
			c.log.desks.Put(c.desk)
		}
		c.desk = nil
	}()
	for farewell == "" {
		line, ok := c.lines.Next()
		if !ok {
			break
		}
		farewell = c.handleLine(line)
	}
	c.submitPending()
	return farewell
}

// largeDesk is the size from which a desk is not kept for others.
const largeDesk = 1 << 20

func (c *connection) handleLine(line []byte) (farewell string) {
	m := &c.message
	switch err := c.parser.Parse(line, m); {
	case errors.Is(err, protocol.ErrJSON):
		return protocol.ErrorInvalidJSON
	case errors.Is(err, protocol.ErrTooLong):
		return protocol.ErrorLineTooLong
	case err != nil:
		c.refuse(m.ID, protocol.ErrorInvalidMessage)
		return ""
	}
	if !c.admitted() && m.Kind != protocol.KindAuth {
		return protocol.ErrorUnauthorized
	}
	switch m.Kind {
	case protocol.KindAppend:
		return c.handleAppend(m)
	case protocol.KindRead:
		c.handleRead(m) // without waiting for the appends before it
	case protocol.KindHead:
		c.handleHead(m)
	case protocol.KindLogs:
		c.handleLogs()
	case protocol.KindAuth:
		return c.handleAuth(m.Token)
	}
	return ""
}

// refuse answers a line with an error.
func (c *connection) refuse(id []byte, reason string) {
	c.log.metrics.refuse(reason, 1)
	c.out.refuse(id, reason)
}

// handleAppend puts the append among those of this read. The entries' bytes
// stay in the line reader's buffer until they are submitted.
func (c *connection) handleAppend(m *protocol.Message) (farewell string) {
	switch {
	case !c.may(access.Append, m.Log):
		c.refuse(m.ID, protocol.ErrorForbidden)
		return ""
	case c.stopping.Load():
		c.refuse(m.ID, protocol.ErrorShuttingDown)
		return ""
	case c.memory.budget.exhausted():
		c.refuse(m.ID, protocol.ErrorOverloaded)
		return ""
	}
	first, size, lists := len(c.entries), 0, c.desk.size()
	for _, text := range m.Entries {
		c.entries = append(c.entries, entry{text, blobstore.Sum(text)})
		size += len(text)
	}
	entries := c.entries[first:len(c.entries):len(c.entries)]
	count := 0
	if m.Multi {
		count = len(entries)
	}
	log := m.Log
	if log == nil {
		log = mainLog
	}
	c.out.expect(m.ID, count)
	c.pending = append(c.pending, submission{
		Append: order.Append{
			Log: log, Entries: len(entries),
			Producer: m.Producer, Seq: m.Seq,
			Key: m.Key, KeyDigest: keyDigest(m.Key, entries),
			HasAfter: m.HasAfter, After: m.After,
		},
		entries: entries,
		size:    size,
	})
	if c.desk.size() > lists {
		c.account()
	}
	return ""
}

var mainLog = []byte("main")

// keyDigest says what a key stands for: the entry, or all entries of an append
// of several.
func keyDigest(key []byte, entries []entry) blobstore.Digest {
	if key == nil {
		return blobstore.Digest{}
	}
	if len(entries) == 1 {
		return entries[0].digest
	}
	digests := make([]byte, 0, len(entries)*len(blobstore.Digest{}))
	for i := range entries {
		digests = append(digests, entries[i].digest[:]...)
	}
	return blobstore.Sum(digests)
}

func (c *connection) submitPending() {
	if len(c.pending) == 0 {
		return
	}
	c.log.submit(c, c.pending)
	clear(c.pending)
	clear(c.entries)
	c.pending, c.entries = c.pending[:0], c.entries[:0]
}

// handleHead answers with a head, confirmed after the line came.
func (c *connection) handleHead(m *protocol.Message) {
	if !c.may(access.Read|access.Append, m.Log) {
		c.log.metrics.refuse(protocol.ErrorForbidden, 1)
		c.out.head(m.ID, m.Log, m.Members, protocol.ErrorForbidden)
		return
	}
	if c.log.member != nil {
		c.submitPending() // they don't wait for the answer
		if err := c.log.Newest(context.Background()); err != nil {
			c.refuse(m.ID, protocol.ErrorNoQuorum)
			return
		}
	}
	c.out.head(m.ID, m.Log, m.Members, "")
}

// handleLogs answers with a line for each log: much for a short question, so
// that there has to be room for it. There is none any more when the client is
// gone, or when the server stops and the client takes nothing.
func (c *connection) handleLogs() {
	if !c.out.hasRoom() {
		c.submitPending()
		c.out.flush()
		if err := c.out.waitForRoom(); err != nil || c.stopping.Load() && !c.out.hasRoom() {
			return
		}
	}
	if c.log.member != nil {
		c.submitPending()
		if err := c.log.Newest(context.Background()); err != nil {
			c.refuse(nil, protocol.ErrorNoQuorum)
			return
		}
	}
	logs := c.log.hub.Logs()
	var lines []byte
	listed := 0
	for _, t := range logs {
		if c.grant.May(access.Read|access.Append, t.Name()) {
			lines = protocol.AppendLog(lines, t.Name(), 1, t.Head())
			listed++
		}
	}
	c.out.say(protocol.AppendLogs(lines, listed))
}
