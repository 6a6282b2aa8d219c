package logserver

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// ErrNoQuorum says that nobody can tell how far the logs have come, for now.
var ErrNoQuorum = errors.New("no quorum: more than half of the voting nodes must be up and reach each other")

// ask is somebody who has to know that what is applied here is the newest.
type ask struct {
	done chan error
	gone atomic.Bool // it has given up
}

func (a *ask) answer(err error) { a.done <- err }

// Newest returns when everything that was decided anywhere before it was called is applied
// here: heads are the newest then. A Log that is alone is always there. Errors:
// ErrNoQuorum, after a while, or at once when nobody has led for as long; ErrClosed; that of ctx.
func (l *Log) Newest(ctx context.Context) error {
	m := l.member
	if m == nil {
		return nil
	}
	a := &ask{done: make(chan error, 1)}
	defer a.gone.Store(true)
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return ErrClosed
	}
	m.asks = append(m.asks, a)
	m.mu.Unlock()
	m.poke()
	patience := time.NewTimer(m.options.Quorum)
	defer patience.Stop()
	select {
	case err := <-a.done:
		return err
	case <-patience.C:
		return ErrNoQuorum
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxTickets is how many reads of the order are under way at once.
const maxTickets = 16

// ask has the core find out whether it has the newest, for all who ask now.
func (m *member) ask() {
	if len(m.tickets) >= maxTickets {
		return
	}
	m.mu.Lock()
	asks := m.asks
	m.asks = nil
	m.mu.Unlock()
	if len(asks) == 0 {
		return
	}
	if m.withoutQuorum() {
		refuseAsks(asks)
		return
	}
	ticket, err := m.log.core.Read()
	if err != nil {
		m.mu.Lock()
		m.asks = append(asks, m.asks...)
		m.mu.Unlock()
		return
	}
	m.tickets[ticket] = asks
}

// withoutQuorum tells whether nobody has led for so long, as far as is known here, that nobody
// need wait for it.
func (m *member) withoutQuorum() bool {
	if m.log.core.Leader() != 0 {
		m.unled = time.Time{}
	} else if m.unled.IsZero() {
		m.unled = time.Now()
	}
	return !m.unled.IsZero() && time.Since(m.unled) > m.options.Quorum
}

func refuseAsks(asks []*ask) {
	for _, a := range asks {
		a.answer(ErrNoQuorum)
	}
}

// forgetAsks forgets those who have given up: without a quorum nobody is answered for long.
func (m *member) forgetAsks() {
	if m.withoutQuorum() {
		for ticket, list := range m.tickets {
			refuseAsks(list)
			delete(m.tickets, ticket)
		}
	}
	gone := func(a *ask) bool { return a.gone.Load() }
	m.mu.Lock()
	m.asks = slices.DeleteFunc(m.asks, gone)
	m.mu.Unlock()
	for ticket, list := range m.tickets {
		m.tickets[ticket] = slices.DeleteFunc(list, gone)
	}
}

// answerAsks answers who asked, once the heads are known that were decided until now.
func (m *member) answerAsks() {
	m.log.announce()
	for _, ticket := range m.log.core.ReadsDone() {
		for _, a := range m.tickets[ticket] {
			a.answer(nil)
		}
		delete(m.tickets, ticket)
	}
}
