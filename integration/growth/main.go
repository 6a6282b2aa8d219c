//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ringlog/ringlog/integration/bench/load"
	"github.com/ringlog/ringlog/integration/bench/system"
)

const (
	million   = 1_000_000
	entrySize = 200
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "growth: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	binary := flag.String("ringlog", "../bin/ringlog", "`BINARY` of ringlog")
	dir := flag.String("dir", "../.cache", "`DIRECTORY` for the server's data")
	entries := flag.Uint64("millions", 50, "millions of entries of 200 bytes")
	pause := flag.Duration("pause", 20*time.Second, "rest before each measured million: the disks of some machines are fast for a while, and then throttled")
	flag.Parse()
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(*binary)
	if err != nil {
		return err
	}
	systems, err := system.Select("ringlog", root, bin)
	if err != nil {
		return err
	}
	data, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	parent, err := os.MkdirTemp(data, "growth-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(parent)
	p, err := system.New(systems[0], parent)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := grow(p, *entries, *pause); err != nil {
		return err
	}
	if err := p.Close(); err != nil {
		return err
	}
	many, err := system.New(systems[0], parent)
	if err != nil {
		return err
	}
	defer many.Close()
	return interleaved(many)
}

// grow fills a log and says what changes on the way.
func grow(p *system.Process, millions uint64, pause time.Duration) error {
	if _, err := p.Start(); err != nil {
		return err
	}
	var latency load.Histogram
	time.Sleep(pause)
	small, err := fill(p, million, &latency)
	if err != nil {
		return err
	}
	row("append rate, the 1st million", "%.0f/s", small)
	readSmall, err := readRate(p, 1)
	if err != nil {
		return err
	}
	row("read rate at 1 M", "%.0f MB/s of entries", readSmall)
	if millions > 2 {
		if _, err := fill(p, (millions-2)*million, &latency); err != nil {
			return err
		}
	}
	time.Sleep(pause)
	large, err := fill(p, million, &latency)
	if err != nil {
		return err
	}
	row(fmt.Sprintf("append rate, the %dth million", millions), "%.0f/s (%.2f of the first)", large, large/small)
	var sum float64
	for _, at := range []uint64{1, millions / 2 * million, (millions - 1) * million} {
		rate, err := readRate(p, at)
		if err != nil {
			return err
		}
		sum += rate
	}
	row(fmt.Sprintf("read rate at %d M (begin, middle, end)", millions), "%.0f MB/s of entries (%.2f of that at 1 M)", sum/3, sum/3/readSmall)
	row("append p50, p99, p99.99, max of all", "%v, %v, %v, %v", latency.Quantile(0.5), latency.Quantile(0.99), latency.Quantile(0.9999), latency.Max())
	return rest(p, millions)
}

// rest shows what a grown log costs when nothing goes on, and to start.
func rest(p *system.Process, millions uint64) error {
	time.Sleep(10 * time.Second) // memory that is given back is given back within seconds
	row("RssAnon, idle", "%.0f MB", float64(p.RssAnon())/1e6)
	if err := p.Stop(); err != nil {
		return err
	}
	disk, err := p.Disk()
	if err != nil {
		return err
	}
	row("bytes on disk / content", "%.3f", float64(disk)/float64(millions*million*entrySize))
	stopped, err := p.Start()
	if err != nil {
		return err
	}
	row("start after a clean stop", "%v", stopped)
	if _, err := fill(p, million, nil); err != nil {
		return err
	}
	if err := p.Kill(); err != nil {
		return err
	}
	killed, err := p.Start()
	if err != nil {
		return err
	}
	row("start after kill -9 under load", "%v", killed)
	return p.Stop()
}

func row(what, format string, values ...any) {
	fmt.Printf("| %s | %s |\n", what, fmt.Sprintf(format, values...))
}
