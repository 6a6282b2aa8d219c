package logserver

import (
	"io"
	"time"
)

// setDeadline sets until when the next read may take: while half a line is waiting
// for its rest, LineTimeout; while nothing is and the connection holds memory,
// QuietAfter, to give that back. Otherwise silence is fine, and so is the time in
// which the connection was not read from.
func (c *connection) setDeadline() {
	half, large := c.lines.Partial() > 0, c.lines.Size()+c.out.size() > quietSize
	wait := time.Duration(0)
	switch {
	case c.draining, !c.admitted() && c.deadline == forAdmission:
		return
	case !c.admitted():
		wait = c.limits.AdmitTimeout
	case half:
		wait = c.limits.LineTimeout
	case large && c.deadline == forQuiet:
		return // when it ends, it is seen whether the connection was quiet
	case large:
		wait = c.limits.QuietAfter
	case c.deadline == noDeadline:
		return
	}
	c.deadline, c.quietSince = noDeadline, c.reads
	deadline := time.Time{}
	if wait > 0 {
		deadline = time.Now().Add(wait)
		c.deadline = forQuiet
		switch {
		case !c.admitted():
			c.deadline = forAdmission
		case half:
			c.deadline = forHalfLine
		}
	}
	c.readUntil(deadline)
}

// readUntil sets the deadline of reads, unless there is nothing to wait for.
func (c *connection) readUntil(deadline time.Time) {
	_ = c.net.SetReadDeadline(deadline)
	if c.stopping.Load() || c.out.broken() { // who said so has set a deadline, perhaps before this one
		_ = c.net.SetReadDeadline(alreadyPast)
	}
}

type deadline uint8

const (
	noDeadline deadline = iota
	forHalfLine
	forQuiet
	forAdmission
)

// tellDeadline says why a connection is dropped whose time is over.
func (c *connection) tellDeadline() {
	switch c.deadline {
	case forHalfLine:
		c.log.metrics.trouble(troubleHalfLine)
		c.log.refusals.Warn(*c.logger(), "half a line came and no more: the connection was dropped")
	case forAdmission:
		c.log.refusals.Warn(*c.logger(), "neither TLS nor a token came where one is wanted: the connection was dropped")
	}
}

// linger shuts down the sending side and reads on for a moment: closing with
// unread bytes would reset the connection and could take the last answer away.
func (c *connection) linger(wanted bool) {
	half, ok := c.net.(interface{ CloseWrite() error })
	if !wanted || !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.net.SetReadDeadline(time.Now().Add(c.limits.Linger))
	_, _ = io.Copy(io.Discard, io.LimitReader(c.net, 64<<20))
}

// alreadyPast is a deadline that wakes whoever waits for the network.
var alreadyPast = time.Unix(1, 0)

// stop asks the connection to end in order: the client has StopTimeout to take
// what it is still owed. Called by Shutdown.
func (c *connection) stop() {
	c.stopping.Store(true)
	at := time.Now().Add(c.limits.StopTimeout)
	c.stopAt.Store(&at)
	_ = c.net.SetWriteDeadline(at)
	_ = c.net.SetReadDeadline(alreadyPast) // wakes the goroutine out of its read
	c.out.wake()
	if c.lines == nil { // a stream has nobody who would be woken
		c.out.endTail(false)
	}
}

// cut ends the connection without regard to what is under way.
func (c *connection) cut() {
	c.out.abandon()
	_ = c.net.Close()
}
