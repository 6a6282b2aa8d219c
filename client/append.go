package client

import (
	"context"
	"encoding/json"
	"fmt"
)

// Append appends an entry, the JSON text of an object or array, and returns
// its index once it is durable. Errors are explained with the package; when
// ctx ends before the answer, the error wraps ctx.Err(), and ErrUnknownOutcome
// too if the entry was already sent, as it may still be appended. The bytes of
// entry are the caller's again when Append returns.
func (c *Client) Append(ctx context.Context, entry []byte, opts ...AppendOption) (index uint64, err error) {
	return c.appendAndWait(ctx, [][]byte{entry}, false, opts)
}

// AppendValue is Append of what json.Marshal makes of a value.
func (c *Client) AppendValue(ctx context.Context, v any, opts ...AppendOption) (index uint64, err error) {
	entry, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return c.Append(ctx, entry, opts...)
}

// AppendBatch appends 1 to 10,000 entries at consecutive indices, all or none,
// and returns the first one's. Together they may be about as long as one entry.
// Key and After are the whole's. Otherwise it is like Append.
func (c *Client) AppendBatch(ctx context.Context, entries [][]byte, opts ...AppendOption) (first uint64, err error) {
	return c.appendAndWait(ctx, entries, true, opts)
}

// AppendAsync begins what Append does and returns without waiting for the
// answer, so that thousands can be on their way. It blocks while MaxUnanswered
// bytes are, for as long as ctx lasts; afterwards ctx means nothing to it.
// Errors, also those found here, are the Pending's. The appends of a goroutine
// are ordered as it made them.
func (c *Client) AppendAsync(ctx context.Context, entry []byte, opts ...AppendOption) *Pending {
	p := &Pending{}
	err := c.begin(ctx, p, [][]byte{entry}, false, opts)
	if err != nil {
		p.settle(0, err)
	}
	return p
}

// begin has an append accepted. If it fails, p is still the caller's to settle.
func (c *Client) begin(ctx context.Context, p *Pending, entries [][]byte, multi bool, opts []AppendOption) error {
	r, onDone, err := c.opts.newRequest(entries, multi, opts)
	p.onDone = onDone
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		r.recycle()
		return fmt.Errorf("not appended: %w", err)
	}
	return c.submit(ctx, r, p)
}

func (c *Client) appendAndWait(ctx context.Context, entries [][]byte, multi bool, opts []AppendOption) (uint64, error) {
	p := c.newSignalled()
	if err := c.begin(ctx, p, entries, multi, opts); err != nil {
		p.settle(0, err)
	}
	select {
	case <-p.signal:
	case <-ctx.Done():
		if !c.withdraw(ctx, p) {
			return 0, fmt.Errorf("sent, but %w: %w", ctx.Err(), ErrUnknownOutcome)
		}
		<-p.signal
	}
	index, err := p.index, p.err
	c.recycle(p)
	return index, err
}

// withdraw takes back the append of p if it was not sent yet. It is false if p
// is not settled thereby and was not before: then p stays the window's.
func (c *Client) withdraw(ctx context.Context, p *Pending) bool {
	c.mu.Lock()
	defer c.unlock()
	if p.request == nil {
		return true
	}
	err := fmt.Errorf("not appended: %w", ctx.Err())
	if !c.since.IsZero() {
		err = fmt.Errorf("%w (%w)", err, c.lastErr)
	}
	return c.window.withdraw(p, err)
}
