package logserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// Put stores the content of a batch of one entry that isn't ordered, or not yet, and returns nil when it is flushed. The
// key is the entry's digest, as `sha256sum` says it of the entry without the white space between its tokens, the event the entry.
// It is a peer.Put. Errors: peer.ErrRefused for a key that isn't the digest, and for what is no entry; ErrClosed; ctx's;
// that there is no space, or that this Log is no member of a cluster.
func (l *Log) Put(ctx context.Context, key string, event []byte) error {
	entry, err := protocol.Compact(nil, event)
	if err != nil {
		return fmt.Errorf("%w: the event is no entry: want an object or an array, in UTF-8 and no deeper than %d", peer.ErrRefused, protocol.MaxDepth)
	}
	if len(entry) > l.options.MaxEntry {
		return fmt.Errorf("%w: the event is longer than %d bytes", peer.ErrRefused, l.options.MaxEntry)
	}
	d := blobstore.Sum(entry)
	if said, err := blobstore.ParseDigest(key); err != nil || said != d {
		l.metrics.refuse(reasonForeign, 1)
		return fmt.Errorf("%w: the key is not the event's digest: want its SHA-256, without white space between tokens, in 64 small hexadecimal digits", peer.ErrRefused)
	}
	var b blobstore.Batch
	b.Add(entry, d, nil)
	return l.storeOne(ctx, &incoming{Message: order.Message{Payload: append(b.Manifest(), entry...)}, digest: d})
}

var errNoSpace = errors.New("logserver: nothing can be written at present: the disk is full, or no more files may be opened; put it again when there is space")

// putter waits for content to be flushed, and is told: nil, or why it can't be.
type putter func(error)

// storeOne has the committer store content and waits until it is flushed.
func (l *Log) storeOne(ctx context.Context, in *incoming) error {
	m := l.member
	done := make(chan error, 1)
	err := l.do(ctx, func() error {
		if l.space.full.Load() {
			return errNoSpace
		}
		m.keepFor(in, func(err error) { done <- err })
		return nil
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-m.ended:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// keepFor keeps content to be stored with the next flush, and has somebody told when it is; at once, if it was. It tells
// whether it has just come.
func (m *member) keepFor(in *incoming, tell putter) (fresh bool) {
	fresh = m.keep(in)
	if !fresh && m.log.contents.Has(in.digest) {
		tell(nil)
		return false
	}
	m.putters = append(m.putters, tell)
	return fresh
}

// storePuts makes durable what was put, if nothing else is to be flushed with it.
func (m *member) storePuts() error {
	if len(m.putters) == 0 {
		return nil
	}
	ok, err := m.reserve()
	if err != nil {
		return err
	}
	if !ok {
		m.answerPuts(errNoSpace)
		return nil
	}
	if _, err := m.log.write(nil); err != nil {
		return err
	}
	return m.advance()
}

// answerPuts tells those whose content waited for the flush that has ended.
func (m *member) answerPuts(err error) {
	for _, tell := range m.putters {
		tell(err)
	}
	clear(m.putters)
	m.putters = m.putters[:0]
}
