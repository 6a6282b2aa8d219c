//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ringlog/ringlog/integration/bench/load"
	"github.com/ringlog/ringlog/integration/bench/system"
)

const (
	connections = 8
	window      = 256
)

// fill appends n entries and returns how many a second.
func fill(p *system.Process, n uint64, latency *load.Histogram) (float64, error) {
	l, err := load.NewLoop()
	if err != nil {
		return 0, err
	}
	defer l.Close()
	writers := &load.Writers{Limit: n, Latency: latency}
	if latency == nil {
		writers.Latency = new(load.Histogram)
	}
	for i := range connections {
		s, err := p.Connect()
		if err != nil {
			return 0, err
		}
		if err := writers.Add(l, s, p.System.Dialect.Appender(i+1, entrySize), i+1, window); err != nil {
			return 0, err
		}
	}
	if err := writers.Start(l); err != nil {
		return 0, err
	}
	took, err := l.Pass(load.Window{
		Measure: time.Hour, Begin: func() {}, End: func() {},
		Full: func() bool { return writers.Answered >= n },
	}, func() error { return nil })
	if err != nil {
		return 0, err
	}
	return float64(n) / took.Seconds(), nil
}

// readRate reads a million entries from an index on, and returns MB of entries a second: the best of three, as
// the first may find nothing in the page cache.
func readRate(p *system.Process, from uint64) (best float64, err error) {
	for range 3 {
		c, err := net.Dial("tcp", p.Address.String())
		if err != nil {
			return 0, err
		}
		began := time.Now()
		_, err = readAll(c, bufio.NewReaderSize(c, 256<<10), fmt.Sprintf(`{"from":%d,"read":%d}`, from, million))
		best = max(best, million*entrySize/1e6/time.Since(began).Seconds())
		if err := errors.Join(err, c.Close()); err != nil {
			return 0, err
		}
	}
	return best, nil
}

// readAll asks, and reads up to the line that ends a read; it returns the bytes of the entries' lines.
func readAll(c io.Writer, r *bufio.Reader, ask string) (n int, err error) {
	if _, err := fmt.Fprintln(c, ask); err != nil {
		return 0, err
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return n, err
		}
		if bytes.HasPrefix(line, []byte(`{"head":`)) || bytes.HasPrefix(line, []byte(`{"current":`)) {
			return n, nil
		}
		if bytes.Contains(line[:min(len(line), 40)], []byte(`"error"`)) {
			return n, fmt.Errorf("server says %s", line)
		}
		n += len(line)
	}
}

const (
	logs    = 1000
	perLog  = 2000 // entries
	reading = 100  // logs that are read
)

// interleaved appends to a thousand logs in turn, and reads some of them whole, one after the other.
func interleaved(p *system.Process) error {
	if _, err := p.Start(); err != nil {
		return err
	}
	began := time.Now()
	done := make(chan error, connections)
	for range connections {
		go func() { done <- appendInTurn(p, logs*perLog/connections) }()
	}
	for range connections {
		if err := <-done; err != nil {
			return err
		}
	}
	row("1,000 interleaved logs: append rate", "%.0f/s", logs*perLog/time.Since(began).Seconds())
	c, err := net.Dial("tcp", p.Address.String())
	if err != nil {
		return err
	}
	defer c.Close()
	lines := bufio.NewReaderSize(c, 256<<10)
	began = time.Now()
	total := 0
	for log := range reading {
		n, err := readAll(c, lines, fmt.Sprintf(`{"from":1,"follow":false,"log":"log%04d"}`, log*logs/reading))
		if err != nil {
			return err
		}
		total += n
	}
	row("1,000 interleaved logs: read of one", "%.0f MB/s", float64(total)/1e6/time.Since(began).Seconds())
	return p.Stop()
}

// appendInTurn appends n entries, each to the next log, window of them at a time.
func appendInTurn(p *system.Process, n int) error {
	c, err := net.Dial("tcp", p.Address.String())
	if err != nil {
		return err
	}
	defer c.Close()
	answers := bufio.NewReaderSize(c, 64<<10)
	pad := bytes.Repeat([]byte("x"), entrySize-30)
	var lines []byte
	for sent := 0; sent < n; {
		lines = lines[:0]
		now := min(window, n-sent)
		for range now {
			lines = fmt.Appendf(lines, `{"id":"a","log":"log%04d","entry":{"n":%d,"pad":"%s"}}`+"\n", sent%logs, sent, pad)
			sent++
		}
		if _, err := c.Write(lines); err != nil {
			return err
		}
		for range now {
			if line, err := answers.ReadSlice('\n'); err != nil || bytes.Contains(line, []byte("error")) {
				return fmt.Errorf("append: %s: %w", line, err)
			}
		}
	}
	return nil
}
