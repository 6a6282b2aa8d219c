package logserver

import (
	"context"
	"errors"
	"time"

	"github.com/ringlog/ringlog/logserver/order"
)

// job is something that is to be done with the core, by the goroutine that owns it.
type job struct {
	do   func() error
	done chan error
}

// Standing returns how the cluster looks from this node, as of the last tick; ok is false
// for a Log that is alone.
func (l *Log) Standing() (s Standing, ok bool) {
	if l.member == nil {
		return s, false
	}
	return *l.member.standing.Load(), true
}

// Admit has a new node taken into the cluster, under a number that no node ever had. It
// copies, and votes when it has caught up and its vote is wanted. Standing tells when it
// is a member. Errors: order.ErrNotServing if this node doesn't lead; order.ErrMembers
// if it can't be done, or not now; ErrClosed; ctx's.
func (l *Log) Admit(ctx context.Context, number uint64, about []byte) error {
	return l.do(ctx, func() error { return l.core.Join(number, about) })
}

// NextNumber returns a number that no node ever had, as far as is known here.
func (l *Log) NextNumber(ctx context.Context) (number uint64, err error) {
	err = l.do(ctx, func() error { number = l.core.NextNumber(); return nil })
	return number, err
}

// Dismiss has a node removed from the cluster. Errors are Admit's.
func (l *Log) Dismiss(ctx context.Context, number uint64) error {
	return l.do(ctx, func() error { return l.core.Leave(number) })
}

// Replace has a node removed and a new one taken in, as one change. Errors are Admit's.
func (l *Log) Replace(ctx context.Context, old, number uint64, about []byte) error {
	return l.do(ctx, func() error { return l.core.Replace(old, number, about) })
}

// Set changes one setting, as order.Placement.With names it, and leaves the others as they are.
// Standing tells when that is done: the Configuration of its Settings is another then. If the
// setting isn't, another change came before, and this one is to be asked for again. Errors:
// order.ErrSettings; order.ErrNotServing if this node doesn't lead; ErrClosed; ctx's.
func (l *Log) Set(ctx context.Context, name, value string) error {
	return l.do(ctx, func() error {
		p, err := l.core.Settings().With(name, value)
		if err != nil {
			return err
		}
		return l.core.Set(p)
	})
}

// HandOver asks another node to lead. It does nothing where this one doesn't.
func (l *Log) HandOver(ctx context.Context) error {
	return l.do(ctx, func() error { return l.core.HandOver() })
}

// errAlone says that a Log without Options.Member has no others to speak of.
var errAlone = errors.New("logserver: this log is not a member of a cluster; set PEER_PORT to make it one")

// do has something done by the committer.
func (l *Log) do(ctx context.Context, what func() error) error {
	m := l.member
	if m == nil {
		return errAlone
	}
	j := job{what, make(chan error, 1)}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return ErrClosed
	}
	m.jobs = append(m.jobs, j)
	m.mu.Unlock()
	m.poke()
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startMember begins the order anew as far as that is possible alone: the others are asked
// for the rest.
func (l *Log) startMember() error {
	if err := l.store.Secure(0); err != nil {
		l.options.Logger.Warn().Err(err).Msg("no space is kept aside")
	}
	l.headless = true
	for {
		ready, ok := l.core.Ready()
		if !ok {
			return l.core.Err()
		}
		if _, err := l.flush(ready, nil); err != nil {
			return err
		}
		if err := l.advance(func(d *order.Decision) {}); err != nil {
			return err
		}
	}
}

var errRetired = errors.New("the member has ended in order")

// stopPatience is how long a node that stops waits for what it has handed over.
const stopPatience = 3 * time.Second

// retire ends the member in order: another node leads, what was taken is decided.
func (m *member) retire() error {
	_ = m.log.core.HandOver() // nobody may be there to take it
	tick := time.NewTicker(m.options.Tick)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < stopPatience; {
		if err := m.round(); err != nil {
			return err
		}
		if len(m.flights) == 0 && len(m.placing) == 0 && m.waiting == nil && m.gathered() == 0 && !m.leads() {
			break
		}
		select {
		case <-m.wake:
		case <-tick.C:
			m.placer.Tick()
			if err := m.log.core.Tick(m.log.options.Now().UnixNano()); err != nil {
				return err
			}
		}
	}
	return errRetired
}

// leads tells whether this node leads others.
func (m *member) leads() bool {
	core := m.log.core
	return core.Leader() == m.options.Number && len(core.Members().Voters) > 1
}

// gathered returns how many wait for their appends to be handed over.
func (m *member) gathered() int {
	g := m.log.gatherer
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.open.waiters)
}
