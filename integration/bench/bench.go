//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/ringlog/ringlog/integration/bench/load"
	"github.com/ringlog/ringlog/integration/bench/system"
)

// bench is one whole comparison.
type bench struct {
	options
	dir     string
	results *results
}

// all runs every column with every system, rounds times. A run that fails is reported and left out.
func (b *bench) all(columns []column, systems []*system.System) {
	for round := range b.rounds {
		for _, c := range columns {
			for _, s := range systems {
				if s.Numbers && !c.appends {
					continue
				}
				began, spent := time.Now(), ownCPU()
				samples, err := b.once(c, s)
				if err != nil {
					b.results.failed = append(b.results.failed, fmt.Sprintf("%s, %s, round %d: %v", c.name, s.Name, round+1, err))
				}
				b.results.add(s, round, samples)
				b.progress(round, c, s, samples, err, time.Since(began), ownCPU()-spent)
			}
		}
	}
}

func (b *bench) progress(round int, c column, s *system.System, samples []sample, err error, took, client time.Duration) {
	fmt.Fprintf(os.Stderr, "%d/%d %-14s %-15s %4.1fs, client %.1fs CPU", round+1, b.rounds, c.name, s.Name, took.Seconds(), client.Seconds())
	for _, sample := range samples {
		fmt.Fprintf(os.Stderr, "  %s", sample.unit.format(sample.value))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "  %v", err)
	}
	fmt.Fprintln(os.Stderr)
}

// ownCPU is what the client has spent: close to the time a run took, the client is the bottleneck.
func ownCPU() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // it only fails for other arguments
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// once runs one column with one system, on a fresh server.
func (b *bench) once(c column, s *system.System) (samples []sample, err error) {
	if c.nodes != nil {
		return b.onceWithNodes(c, s)
	}
	p, err := system.New(s, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if _, err := p.Start(); err != nil {
		return nil, err
	}
	if err := p.Found(); err != nil {
		return nil, err
	}
	return c.run(b, p)
}

func (b *bench) measured() time.Duration { return time.Duration(b.seconds * float64(time.Second)) }
func (b *bench) warming() time.Duration  { return time.Duration(b.warm * float64(time.Second)) }

// maxBytes bounds what one run appends.
const maxBytes = 4 << 30

// addWriters connects writers, to append to the end of the log: to one process after the other.
func addWriters(l *load.Loop, nodes []*system.Process, w *load.Writers, conns, window, size int) error {
	for i := range conns {
		p := nodes[i%len(nodes)]
		s, err := p.Connect()
		if err != nil {
			return err
		}
		if err := w.Add(l, s, p.System.Dialect.Appender(i+1, size), i+1, window); err != nil {
			return err
		}
	}
	return nil
}

var errLost = errors.New("appends are missing")

// counted compares the head with what was confirmed.
func counted(p *system.Process, want uint64) error {
	if p.System.Uncounted {
		return nil
	}
	head, err := p.Head()
	if err == nil && head != want {
		err = fmt.Errorf("%w: the head is %d after %d", errLost, head, want)
	}
	return err
}

func (b *bench) append(p *system.Process, conns, window, size int) ([]sample, error) {
	var spent time.Duration
	r, err := b.appendTo([]*system.Process{p}, conns, window, size, func() error {
		spent = p.CPU() - spent
		return nil
	})
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("append %d×%d, %s: ", conns, window, sizeName(size))
	return append(r.samples(name), sample{name + "CPU a million", cpu, spent.Seconds() / float64(r.answered) * 1e6}), nil
}

// appended is what a run of appends has shown.
type appended struct {
	answered uint64
	took     time.Duration
	latency  load.Histogram
}

func (r *appended) samples(name string) []sample {
	return []sample{
		{name + "appends/s", perSecond, float64(r.answered) / r.took.Seconds()},
		seconds(name+"p50", r.latency.Quantile(0.5)),
		seconds(name+"p99", r.latency.Quantile(0.99)),
	}
}

// appendTo appends through connections that are spread over nodes. count is called when measuring begins, and when it ends.
func (b *bench) appendTo(nodes []*system.Process, conns, window, size int, count func() error) (*appended, error) {
	l, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	r := new(appended)
	writers := &load.Writers{Limit: maxBytes / uint64(size)}
	if err := addWriters(l, nodes, writers, conns, window, size); err != nil {
		return nil, err
	}
	if err := writers.Start(l); err != nil {
		return nil, err
	}
	var began, ended error
	r.took, err = l.Pass(load.Window{
		Warm: b.warming(), Measure: b.measured(),
		Begin: func() { writers.Latency, r.answered, began = &r.latency, writers.Answered, count() },
		End:   func() { writers.Latency, r.answered, ended = nil, writers.Answered-r.answered, count() },
		Full:  func() bool { return writers.Answered >= writers.Limit },
	}, func() error { return nil })
	if err == nil {
		err = writers.Drain(l)
	}
	if err == nil {
		err = counted(nodes[0], writers.Answered)
	}
	return r, errors.Join(err, began, ended)
}

func sizeName(size int) string {
	if size == large {
		return "2 KiB"
	}
	return fmt.Sprintf("%d B", size)
}
