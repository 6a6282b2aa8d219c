//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/ringlog/ringlog/integration/bench/load"
	"github.com/ringlog/ringlog/integration/bench/system"
	"github.com/ringlog/ringlog/integration/bench/wire"
)

// loadingTime bounds how long a log is filled for: tcp-log-server takes a thousand entries a second.
const loadingTime = 15 * time.Second

// fill appends up to n entries of size bytes and returns how many were.
func fill(p *system.Process, n uint64, size int) (uint64, error) {
	l, err := load.NewLoop()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	writers := &load.Writers{Limit: n}
	if err := addWriters(l, []*system.Process{p}, writers, 8, 256, size); err != nil {
		return 0, err
	}
	if err := writers.Start(l); err != nil {
		return 0, err
	}
	_, err = l.Pass(load.Window{
		Measure: loadingTime, Begin: func() {}, End: func() {},
		Full: func() bool { return writers.Answered >= n },
	}, func() error { return nil })
	if err == nil {
		err = writers.Drain(l)
	}
	return writers.Answered, err
}

// read fills a log, restarts the server, and reads it whole: cold and warm, 1 and 8 readers.
func (b *bench) read(p *system.Process, size int) ([]sample, error) {
	n := b.entries
	if size == large {
		n /= 10
	}
	head, stopped, err := b.filled(p, n, size)
	if err != nil {
		return nil, err
	}
	disk, err := p.Disk()
	if err != nil {
		return nil, err
	}
	started, err := p.Start()
	if err != nil {
		return nil, err
	}
	samples := []sample{
		{fmt.Sprintf("bytes on disk an entry, %s", sizeName(size)), bytes, float64(disk) / float64(head)},
		seconds(fmt.Sprintf("stop, %s", sizeName(size)), stopped),
		seconds(fmt.Sprintf("start after a stop, %s", sizeName(size)), started),
	}
	for _, pass := range []struct {
		readers int
		cold    bool
	}{{1, true}, {1, false}, {8, true}, {8, false}} {
		more, err := b.catchUp(p, head, size, pass.readers, pass.cold)
		if err != nil {
			return nil, err
		}
		samples = append(samples, more...)
	}
	killed, err := b.startAfterKill(p, size)
	if err != nil {
		return samples, fmt.Errorf("kill: %w", err)
	}
	return append(samples, seconds(fmt.Sprintf("start after kill -9, %s", sizeName(size)), killed)), nil
}

// filled fills the log, by a server that need not flush, and stops that. What p's fresh process holds is
// nothing yet.
func (b *bench) filled(p *system.Process, n uint64, size int) (head uint64, stopped time.Duration, err error) {
	if loading := p.System.Loading; loading != nil {
		own := p.System
		defer func() { p.System = own }()
		if err := p.Stop(); err != nil {
			return 0, 0, err
		}
		p.System = loading
		if _, err := p.Start(); err != nil {
			return 0, 0, err
		}
	}
	head, err = fill(p, n, size)
	if err == nil {
		err = counted(p, head)
	}
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	err = p.Stop()
	return head, time.Since(began), err
}

// history connects a reader of the whole log.
func history(p *system.Process, size int, head uint64) (*load.Socket, wire.Reader, error) {
	s, err := p.Connect()
	if err != nil {
		return nil, nil, err
	}
	wired, err := p.System.Dialect.History(s, size, head)
	return s, wired, err
}

// catchUp reads the whole log: once when cold, again and again when warm.
func (b *bench) catchUp(p *system.Process, head uint64, size, n int, cold bool) ([]sample, error) {
	l, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer l.Close()
	readers := &load.Readers{}
	window := load.Window{Warm: b.warming(), Measure: b.measured(), Full: func() bool { return false }}
	if cold {
		window.Warm, window.Measure = 0, time.Minute
		window.Full = func() bool { return readers.Done == n }
		if err := p.Chill(); err != nil {
			return nil, err
		}
	} else {
		readers.Again = func() (*load.Socket, wire.Reader, error) { return history(p, size, head) }
	}
	for range n {
		s, wired, err := history(p, size, head)
		if err != nil {
			return nil, err
		}
		if err := readers.Add(l, s, wired); err != nil {
			return nil, err
		}
	}
	var read uint64
	var spent time.Duration
	window.Begin = func() { read, spent = readers.Entries, p.CPU() }
	window.End = func() { read, spent = readers.Entries-read, p.CPU()-spent }
	if err := readers.Begin(); err != nil {
		return nil, err
	}
	took, err := l.Pass(window, func() error { return nil })
	if err != nil {
		return nil, err
	}
	if cold && read != head*uint64(n) {
		return nil, fmt.Errorf("%w: %d read of %d", errLost, read, head*uint64(n))
	}
	return readSamples(read, took, spent, size, n, cold), nil
}

func readSamples(read uint64, took, spent time.Duration, size, n int, cold bool) []sample {
	name := fmt.Sprintf("catch-up warm, %d readers, %s: ", n, sizeName(size))
	if n == 1 {
		name = fmt.Sprintf("catch-up warm, 1 reader, %s: ", sizeName(size))
	}
	if cold {
		name = "catch-up cold" + name[len("catch-up warm"):]
	}
	content := float64(read) * float64(size)
	samples := []sample{
		{name + "entries/s", perSecond, float64(read) / took.Seconds()},
		{name + "MB/s", megabytes, content / 1e6 / took.Seconds()},
	}
	if !cold && n == 1 {
		samples = append(samples, sample{name + "CPU a GB", cpu, spent.Seconds() / content * 1e9})
	}
	return samples
}

// startAfterKill kills the server while it is being appended to and starts it again.
func (b *bench) startAfterKill(p *system.Process, size int) (time.Duration, error) {
	l, err := load.NewLoop()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	writers := &load.Writers{}
	if err := addWriters(l, []*system.Process{p}, writers, 8, 256, size); err != nil {
		return 0, err
	}
	if err := writers.Start(l); err != nil {
		return 0, err
	}
	_, err = l.Pass(load.Window{
		Measure: time.Second, Begin: func() {}, End: func() {}, Full: func() bool { return false },
	}, func() error { return nil })
	if err != nil {
		return 0, err
	}
	if err := p.Kill(); err != nil {
		return 0, err
	}
	return p.Start()
}
