package logserver

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment"
)

// maxClockOff is from where on a clock is called wrong.
const maxClockOff = time.Minute

// tick lets the cluster's clock go on.
func (m *member) tick() error {
	l := m.log
	m.giveUpOld()
	m.forgetAsks()
	m.placer.Tick()
	if l.space.full.Load() {
		return m.round() // until there is space this node is silent, and others lead
	}
	if err := l.core.Tick(l.options.Now().UnixNano()); err != nil {
		return err
	}
	if err := m.round(); err != nil {
		return err
	}
	if err := l.core.Faulty(); err != nil && !m.faulty {
		m.faulty = true
		l.options.Logger.Error().Err(err).Msg("this node takes no part in ordering any more; replace it: `ringlog cluster replace`")
	}
	if off := l.core.ClockOff(); off > maxClockOff || off < -maxClockOff {
		l.refusals.Error(l.options.Logger, fmt.Errorf("it is %s off the others' median", off.Round(time.Second)), "the clock of this node is wrong, so it leads only if nobody else can; set it")
	}
	if time.Since(m.lastFlush) > l.options.IdleAfter {
		if err := m.rest(); err != nil {
			return err
		}
	}
	m.publish()
	return nil
}

// round does everything there is to do.
func (m *member) round() error {
	for {
		if err := m.take(); err != nil {
			return err
		}
		m.ask()
		if err := m.propose(); err != nil {
			return err
		}
		did, err := m.flush()
		if err != nil {
			return err
		}
		if !did {
			return m.storePuts()
		}
		if err := m.writeBehind(); err != nil {
			return err
		}
	}
}

// flush makes durable what there is, answers, and sends. What the others have made sure of is answered before.
func (m *member) flush() (did bool, err error) {
	l := m.log
	applied := l.core.Applied()
	if err := m.decide(); err != nil {
		return false, err
	}
	decided := l.core.Applied() != applied // there may be room now for what waits
	if ok, err := m.reserve(); !ok || err != nil {
		return false, err
	}
	ready, ok := l.core.Ready()
	m.post()
	if !ok {
		return decided, l.core.Err()
	}
	if _, err := l.flush(ready, nil); err != nil {
		return false, err
	}
	return true, m.advance()
}

// decide applies what the others have made sure of since, and tells everybody before the next flush.
func (m *member) decide() error { return m.apply(true) }

// advance applies what was flushed, tells everybody, and sends what may leave now.
func (m *member) advance() error { return m.apply(false) }

// apply has the core apply, tells everybody, and sends what may leave now.
func (m *member) apply(early bool) error {
	if err := m.log.apply(early, m.decided); err != nil {
		return err
	}
	m.dispatch()
	m.tell()
	m.answerAsks() // heads are known by now
	if m.changed {
		m.changed = false
		m.publish()
		m.join()
	}
	return nil
}

// tell tells who waits for what was decided.
func (m *member) tell() {
	l := m.log
	l.announce()
	for _, a := range l.touched {
		a.flush()
	}
	clear(l.touched)
	l.touched = l.touched[:0]
	if len(m.spent) > 0 {
		l.gatherer.mu.Lock()
		for i, b := range m.spent {
			l.committed(b)
			m.spent[i] = nil
		}
		l.gatherer.mu.Unlock()
		m.spent = m.spent[:0]
	}
}

// reserve makes room for the next flush. Not ok: there is none for now.
func (m *member) reserve() (ok bool, err error) {
	l := m.log
	l.stall.begin()
	err = l.store.Reserve(l.unstored(), perBatch)
	l.stall.end()
	switch {
	case err == nil:
		if l.space.full.Swap(false) {
			l.options.Logger.Info().Msg("there is space again: this node takes part again")
		}
		return true, nil
	case errors.Is(err, segment.ErrDiskFull), errors.Is(err, segment.ErrNoFiles):
		l.refusals.Error(l.options.Logger, err, "nothing can be written: this node takes no part until it can")
		l.space.full.Store(true)
		return false, nil
	}
	return false, err
}

// post sends what the core wants sent, and answers who asked for heads.
func (m *member) post() {
	m.dispatch()
	m.answerAsks()
}

// dispatch sends what the core wants sent.
func (m *member) dispatch() {
	for _, msg := range m.log.core.Messages() {
		m.options.Network.Send(msg.To, byte(msg.Kind), msg.Payload)
	}
}

// writeBehind writes the index behind when that is due, and holds everything up while too
// much of it is unwritten.
func (m *member) writeBehind() error {
	l := m.log
	m.lastFlush = time.Now()
	l.between()
	return l.Err()
}

// rest does what can wait for a moment when nothing goes on.
func (m *member) rest() error {
	if len(m.coming) > 0 {
		if ok, err := m.reserve(); !ok || err != nil {
			return err
		}
		if _, err := m.log.write(nil); err != nil {
			return err
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	err := m.log.rest()
	m.tell()
	return err
}
