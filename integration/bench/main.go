//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ringlog/ringlog/integration/bench/system"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	systems, columns, ringlog, root, dir, out string

	rounds, idle  int
	nodes         int
	entries       uint64
	seconds, warm float64
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.systems, "systems", system.Names, "`NAMES` of systems, divided by commas; NAME=BINARY is another ringlog")
	flag.StringVar(&o.columns, "columns", "", "`NAMES` of columns, or their beginnings, divided by commas (all): "+strings.Join(columnNames(slices.Concat(allColumns(), nodeColumns())), " "))
	flag.StringVar(&o.ringlog, "ringlog", "../bin/ringlog", "`BINARY` of ringlog")
	flag.StringVar(&o.root, "root", "..", "top `DIRECTORY` of the repository")
	flag.StringVar(&o.dir, "dir", "", "`DIRECTORY` for the servers' data (.cache/bench)")
	flag.StringVar(&o.out, "out", "", "Markdown `FILE` to write besides printing")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each system in each column")
	flag.IntVar(&o.nodes, "nodes", 0, "compare clusters of so many nodes, and write that section of the file alone")
	flag.IntVar(&o.idle, "idle", 10_000, "idle tails")
	flag.Uint64Var(&o.entries, "entries", 1_000_000, "entries of 200 bytes to read (a tenth of it of 2 KiB)")
	flag.Float64Var(&o.seconds, "seconds", 5, "measured in a run")
	flag.Float64Var(&o.warm, "warm", 1, "seconds before that")
	flag.Parse()
	if root, err := filepath.Abs(o.root); err == nil {
		o.root = root // servers are started in another directory
	}
	if o.dir == "" {
		o.dir = filepath.Join(o.root, ".cache", "bench")
	}
	return o
}

func run() error {
	o := parseOptions()
	systems, err := system.Select(o.systems, o.root, o.ringlog)
	if err != nil {
		return err
	}
	all := allColumns()
	if o.nodes > 0 {
		all = nodeColumns()
	}
	columns, err := selectColumns(all, o.columns)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(o.dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		dir, err = os.MkdirTemp(dir, "run-")
	}
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	removeWhenInterrupted(dir)
	if err := allowFiles(); err != nil {
		return err
	}
	// What is allocated during a run is little and known: buffers. Collect when there is a GiB of it.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(1 << 30)
	b := &bench{options: o, dir: dir, results: newResults(systems)}
	began := time.Now()
	b.all(columns, systems)
	if o.nodes > 0 {
		return b.reportNodes(began)
	}
	report := b.report(began)
	fmt.Print(report)
	if o.out == "" {
		return nil
	}
	return os.WriteFile(o.out, []byte(report), 0o644)
}

// removeWhenInterrupted leaves nothing behind; the servers end with their parent.
func removeWhenInterrupted(dir string) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		os.RemoveAll(dir)
		os.Exit(1)
	}()
}

// allowFiles raises the limit of open files for this process and the servers it starts.
func allowFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	limit.Cur = limit.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
}
