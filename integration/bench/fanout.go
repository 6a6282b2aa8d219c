//go:build linux

package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/ringlog/ringlog/integration/bench/load"
	"github.com/ringlog/ringlog/integration/bench/system"
	"github.com/ringlog/ringlog/integration/bench/wire"
)

const (
	// ahead is how far a writer that goes as fast as it can may be before the slowest tail: without a
	// bound, what is measured is a history being read, not a tail.
	ahead = 8192
	// pace is the rate of appends when the latency of deliveries is measured.
	pace = 1000
	// settling is what the last deliveries of a run may take.
	settling = 10 * time.Second
)

// addTails connects tails that get what is appended from now on.
func addTails(l *load.Loop, p *system.Process, r *load.Readers, n, size int, head uint64) error {
	for range n {
		s, err := p.Connect()
		if err != nil {
			return err
		}
		tail, err := p.System.Dialect.Tail(s, size, head)
		if err != nil {
			return err
		}
		if err := r.Add(l, s, tail); err != nil {
			return err
		}
	}
	return r.Begin()
}

// tailing is a run with tails and one writer.
type tailing struct {
	writers   *load.Writers
	tails     *load.Readers
	latency   *load.Histogram
	delivered uint64
	appended  uint64
	spent     time.Duration
	took      time.Duration
}

// fanOut measures n tails of a writer, which may do what allow says.
func (b *bench) fanOut(p *system.Process, n int, paced bool) (*tailing, error) {
	l, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	t := &tailing{writers: &load.Writers{Limit: maxBytes / small}, tails: &load.Readers{}, latency: &load.Histogram{}}
	if err := addTails(l, p, t.tails, n, small, 0); err != nil {
		return nil, err
	}
	if paced {
		began := l.Now()
		t.writers.Stamp = true
		t.writers.Allow = func(now int64) int { return int((now-began)*pace/int64(time.Second)) - int(t.writers.Sent) }
		err = l.Tick(time.Second / pace)
	} else {
		t.writers.Allow = func(int64) int { return int(t.tails.Slowest()) + ahead - int(t.writers.Sent) }
	}
	if err == nil {
		err = addWriters(l, []*system.Process{p}, t.writers, 1, 1024, small)
	}
	if err != nil {
		return nil, err
	}
	return t, b.tail(l, p, t)
}

func (b *bench) tail(l *load.Loop, p *system.Process, t *tailing) (err error) {
	t.took, err = l.Pass(load.Window{
		Warm: b.warming(), Measure: b.measured(),
		Begin: func() {
			t.tails.Latency, t.delivered, t.appended, t.spent = t.latency, t.tails.Entries, t.writers.Answered, p.CPU()
			if !t.writers.Stamp {
				t.tails.Latency = nil // looking for stamps costs something
			}
		},
		End: func() {
			t.tails.Latency, t.delivered, t.appended, t.spent =
				nil, t.tails.Entries-t.delivered, t.writers.Answered-t.appended, p.CPU()-t.spent
		},
		Full: func() bool { return t.writers.Answered >= t.writers.Limit },
	}, func() error { return t.writers.Start(l) })
	if err == nil {
		err = t.writers.Drain(l)
	}
	if err != nil {
		return err
	}
	if ok, err := t.tails.Await(t.writers.Answered, settling); err != nil || !ok {
		return errors.Join(fmt.Errorf("%w: the slowest tail has %d of %d", errLost, t.tails.Slowest(), t.writers.Answered), err)
	}
	if want := t.writers.Answered * uint64(t.tails.Len()); t.tails.Entries != want {
		return fmt.Errorf("%w: %d delivered in place of %d", errLost, t.tails.Entries, want)
	}
	return nil
}

func (b *bench) deliveries(p *system.Process, n int) ([]sample, error) {
	t, err := b.fanOut(p, n, false)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%d tails: ", n)
	return []sample{
		{name + "deliveries/s", perSecond, float64(t.delivered) / t.took.Seconds()},
		{name + "CPU a million deliveries", cpu, t.spent.Seconds() / float64(t.delivered) * 1e6},
	}, nil
}

func (b *bench) latency(p *system.Process, n int) ([]sample, error) {
	t, err := b.fanOut(p, n, true)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%d tails, %d appends/s: ", n, pace)
	return []sample{
		seconds(name+"p50", t.latency.Quantile(0.5)),
		seconds(name+"p99", t.latency.Quantile(0.99)),
	}, nil
}

// addHistories connects n readers and lets them read.
func addHistories(l *load.Loop, r *load.Readers, n int) error {
	for range n {
		s, wired, err := r.Again()
		if err != nil {
			return err
		}
		if err := r.Add(l, s, wired); err != nil {
			return err
		}
	}
	return r.Begin()
}

// mixed has 8 writers, 8 tails, and 2 readers that read all there was again and again.
func (b *bench) mixed(p *system.Process) ([]sample, error) {
	head, err := fill(p, b.entries/5, small)
	if err != nil {
		return nil, err
	}
	l, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var latency load.Histogram
	writers := &load.Writers{Limit: maxBytes / small}
	tails := &load.Readers{}
	catching := &load.Readers{Again: func() (*load.Socket, wire.Reader, error) { return history(p, small, head) }}
	if err := addTails(l, p, tails, 8, small, head); err != nil {
		return nil, err
	}
	if err := addHistories(l, catching, 2); err != nil {
		return nil, err
	}
	if err := addWriters(l, []*system.Process{p}, writers, 8, 64, small); err != nil {
		return nil, err
	}
	var appended, delivered, read uint64
	if err := writers.Start(l); err != nil {
		return nil, err
	}
	took, err := l.Pass(load.Window{
		Warm: b.warming(), Measure: b.measured(),
		Begin: func() {
			writers.Latency, appended, delivered, read = &latency, writers.Answered, tails.Entries, catching.Entries
		},
		End: func() {
			writers.Latency, appended, delivered, read =
				nil, writers.Answered-appended, tails.Entries-delivered, catching.Entries-read
		},
		Full: func() bool { return writers.Answered >= writers.Limit },
	}, func() error { return nil })
	if err == nil {
		err = writers.Drain(l)
	}
	return []sample{
		{"mixed: appends/s", perSecond, float64(appended) / took.Seconds()},
		seconds("mixed: append p50", latency.Quantile(0.5)),
		seconds("mixed: append p99", latency.Quantile(0.99)),
		{"mixed: deliveries/s to 8 tails", perSecond, float64(delivered) / took.Seconds()},
		{"mixed: caught up/s by 2 readers", perSecond, float64(read) / took.Seconds()},
	}, err
}

// idleTails measures the memory of tails that have nothing to do.
func (b *bench) idleTails(p *system.Process) ([]sample, error) {
	head, err := fill(p, 1, small)
	if err != nil {
		return nil, err
	}
	l, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	before := p.RssAnon()
	if err := addTails(l, p, &load.Readers{}, b.idle, small, head); err != nil {
		return nil, err
	}
	_, err = l.Pass(load.Window{
		Measure: 2 * time.Second, Begin: func() {}, End: func() {}, Full: func() bool { return false },
	}, func() error { return nil })
	return []sample{{"RssAnon an idle tail", bytes, float64(p.RssAnon()-before) / float64(b.idle)}}, err
}
