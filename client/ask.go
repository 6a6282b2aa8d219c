package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// LogInfo is a log of the server.
type LogInfo struct {
	Name  string
	First uint64 // the first index it still keeps
	Head  uint64 // the last one
}

// Head returns the head of a log, the index of its last entry: main's, or
// that of the Log given. Of a log that does not exist it is 0. It has a
// connection of its own, and tries until ctx ends or Keep's time is over: the error is
// ErrNoQuorum then if that is why the last server gave none.
func (c *Client) Head(ctx context.Context, opts ...ReadOption) (head uint64, err error) {
	call := newReadCall(opts)
	if call.err != nil {
		return 0, call.err
	}
	err = c.persist(ctx, ForAsking, func(l *link) (bool, error) {
		head, err = l.head(call.log)
		return false, err
	})
	return head, err
}

// Logs returns the logs of the server, in its order. It is like Head otherwise.
func (c *Client) Logs(ctx context.Context) (logs []LogInfo, err error) {
	err = c.persist(ctx, ForAsking, func(l *link) (bool, error) {
		logs = nil
		if err := l.write([]byte(`{"logs":true}` + "\n")); err != nil {
			return false, err
		}
		for {
			r, err := l.reply()
			switch {
			case err != nil:
				return false, err
			case r.Logs != nil:
				return false, nil
			case r.Log != "" && r.Head != nil:
				logs = append(logs, LogInfo{r.Log, r.First, *r.Head})
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return logs, nil
}

// head asks for the head of a log.
func (l *link) head(log Log) (uint64, error) {
	line := []byte(`{"id":"head","head":true`)
	if log != "" {
		line = append(line, `,"log":"`+string(log)+`"`...)
	}
	if err := l.write(append(line, '}', '\n')); err != nil {
		return 0, err
	}
	for {
		r, err := l.reply()
		if err != nil {
			return 0, err
		}
		if r.Head != nil && r.ID != nil && *r.ID == "head" {
			return *r.Head, nil
		}
	}
}

// reply returns the next line of a link on which no read goes on. An error
// line is an error; one that may pass is the end of the connection.
func (l *link) reply() (reply, error) {
	line, err := l.next()
	if err != nil {
		return reply{}, err
	}
	r, err := parseReply(line)
	if err != nil {
		return r, err
	}
	return r, r.failure()
}

// failure is the error of a line that is about the connection or the read.
func (r *reply) failure() error {
	switch {
	case r.Error == "":
		return nil
	case r.Error == protocol.ErrorShuttingDown:
		return broken(errServerStops)
	}
	err := refusalError(r.Error)
	if temporary(err) {
		return broken(err)
	}
	return err
}

// persist makes a connection and lets try use it, again at the next address, or
// after a back-off, as long as try's error is a brokenError. It gives up when
// ctx or the client ends, or when no try told of progress for as long as Keep
// says. No server's token is the right one when a round has met one that says so.
func (c *Client) persist(ctx context.Context, use Use, try func(*link) (progress bool, err error)) error {
	both, cancel := context.WithCancel(ctx)
	defer cancel()
	unwatch := context.AfterFunc(c.ctx, cancel)
	defer unwatch()

	route := c.newRoute(use)
	var since time.Time // of the first failure in a row
	var last error
	for {
		progress, err := c.tryOnce(both, route, try)
		if err == nil || !isBroken(err) && !errors.Is(err, ErrUnauthorized) {
			return err
		}
		if both.Err() != nil {
			return c.ended(ctx, last)
		}
		last = err
		now := time.Now()
		way := route.leave(err, progress)
		if way.round && errors.Is(way.err, ErrUnauthorized) {
			return way.err
		}
		if progress || since.IsZero() {
			since = now
		}
		if way.expires(&c.opts) && over(now.Sub(since), c.opts.keepFor) {
			if errors.Is(err, ErrNoQuorum) { // there was a connection
				return err
			}
			return fmt.Errorf("%w: %w", ErrDisconnected, err)
		}
		select {
		case <-time.After(way.wait):
		case <-both.Done():
			return c.ended(ctx, last)
		}
	}
}

// ended is the error of a call whose context, or the client, has ended; last
// is what the call has failed with before, if it has.
func (c *Client) ended(ctx context.Context, last error) error {
	switch {
	case c.ctx.Err() != nil:
		return ErrClosed
	case last == nil:
		return ctx.Err()
	}
	return fmt.Errorf("%w (%w)", ctx.Err(), last)
}

func (c *Client) tryOnce(ctx context.Context, r *route, try func(*link) (bool, error)) (progress bool, err error) {
	l, err := r.connect(ctx)
	if err != nil {
		return false, err
	}
	defer l.close() // also when the body of an iteration panics
	l.sign = l.ping
	l.greet()
	return try(l)
}

func isBroken(err error) bool {
	var b *brokenError
	return errors.As(err, &b)
}
