package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Call asks whoever listens at an address, member or not, to carry out a method, and returns its result. An error
// that has a Code is the other node's answer. Any other error says that there was none: it may be done or not,
// unless the error is an ErrNotSent.
func (l *Links) Call(ctx context.Context, address, method string, request []byte) ([]byte, error) {
	if len(method) > 255 || len(request) > l.options.MaxFrame-256 {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrNotSent, l.options.MaxFrame-256)
	}
	c, err := l.connect(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	defer l.forget(c)
	defer c.close(nil)
	defer context.AfterFunc(ctx, func() { c.close(ctx.Err()) })()
	mine := &hello{purpose: forCall, Identity: l.options.Self(), start: l.start, connection: draw()}
	if _, err := c.introduce(mine); err != nil {
		if Code(err) != "" {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrNotSent, errors.Join(ctx.Err(), err))
	}
	c.established(l.options.Silence)
	result, err := l.ask(c, method, request)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil && Code(err) == "" {
		err = fmt.Errorf("%s of %s: %w", method, address, err)
	}
	return result, err
}

// ask sends the request and waits for the answer; meanwhile heartbeats come.
func (l *Links) ask(c *connection, method string, request []byte) ([]byte, error) {
	payload := append(append([]byte{byte(len(method))}, method...), request...)
	if err := c.say(frameRequest, payload); err != nil {
		return nil, err
	}
	for {
		h, payload, err := readFrame(c.r, l.options.MaxFrame)
		switch {
		case err != nil:
			return nil, err
		case h.kind == frameResult:
			return payload, nil
		case h.kind == frameFailed:
			return nil, parseError(payload)
		case h.kind != frameAck:
			return nil, fmt.Errorf("%w: type %d in a call", ErrFrame, h.kind)
		}
	}
}

// serveCall serves the one call of a connection.
func (l *Links) serveCall(c *connection, said *hello) error {
	self := l.options.Self()
	if zero := ([16]byte{}); said.Cluster != zero && self.Cluster != zero && said.Cluster != self.Cluster {
		return c.refuse(otherCluster(&self, said))
	}
	select {
	case l.calls <- struct{}{}:
		defer func() { <-l.calls }()
	default:
		return c.refuse(refusedf(CodeBusy, "%d calls are under way here: try again in a second", l.options.MaxCalls))
	}
	answer := &hello{purpose: forCall, Identity: self, start: l.start, connection: said.connection}
	if err := c.say(frameWelcome, answer.append(nil)); err != nil {
		return err
	}
	c.established(l.options.Silence)
	h, request, err := readFrame(c.r, l.options.MaxFrame)
	if err == nil && (h.kind != frameRequest || len(request) == 0 || len(request) < 1+int(request[0])) {
		err = fmt.Errorf("%w: no request", ErrFrame)
	}
	if err != nil {
		return err
	}
	n := 1 + int(request[0])
	l.carryOut(c, said, string(request[1:n]), request[n:])
	return nil
}

// carryOut answers a request, and sends heartbeats until it is done.
func (l *Links) carryOut(c *connection, said *hello, name string, request []byte) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	_ = c.SetDeadline(time.Time{})
	c.silence = 0            // the caller says nothing more,
	l.goroutines.Go(func() { // but it may go
		_, _ = io.Copy(io.Discard, c.r)
		cancel()
	})
	method := l.options.Serve[name]
	answer := make(chan []byte, 1)
	l.goroutines.Go(func() { answer <- l.result(ctx, method, l.caller(c, said), name, request) })
	beat := time.NewTicker(l.options.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case frame := <-answer:
			_ = c.SetWriteDeadline(time.Now().Add(l.options.Silence))
			_, _ = c.Write(frame)
			return
		case <-beat.C:
			_ = c.SetWriteDeadline(time.Now().Add(l.options.Silence))
			if _, err := c.Write(appendAck(nil, [lanes]uint64{})); err != nil {
				cancel()
			}
		}
	}
}

// result calls the method and returns the frame that answers.
func (l *Links) result(ctx context.Context, method Method, caller Caller, name string, request []byte) []byte {
	var payload []byte
	err := error(refusedf(CodeUnknown, "there is no method %q here: run releases that belong together", name))
	if method != nil {
		payload, err = method(ctx, caller, request)
	}
	if err == nil && len(payload) > l.options.MaxFrame {
		err = fmt.Errorf("the result is longer than %d bytes", l.options.MaxFrame)
	}
	if err == nil {
		return appendFrame(nil, frameResult, payload)
	}
	said, ok := errors.AsType[*Error](err)
	if !ok {
		said = &Error{CodeFailed, err.Error()}
	}
	return appendFrame(nil, frameFailed, said.append(nil))
}

func (l *Links) caller(c *connection, said *hello) Caller {
	caller := Caller{Name: said.Name, Address: c.address, Identity: said.Identity}
	if k := l.link(said.Number); k != nil && said.Number != 0 && said.Cluster == l.options.Self().Cluster {
		caller.Member = !k.isGuest() && k.matches(said) == nil
	}
	return caller
}
