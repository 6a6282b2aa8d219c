package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// benching is one run of `bench`.
type benching struct {
	target
	appends, tails      bool
	conns, inFlight     int
	size, tailConns     int
	duration            time.Duration
	answered, delivered benchMeter
	progress, out       io.Writer // progress is nil when nobody watches
	began, appendsEnded time.Time
}

func newBench() *cobra.Command {
	b := &benching{out: os.Stdout}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a server: appends, tails, or both at once",
		Long: "Measure a server: appends (--append), tails (--tail), or both at once; without either, appends. Appends go to a\n" +
			"log of the run's own, bench-…, unless --log names one; what is appended stays there. With both, tails get\n" +
			"what is appended, and the delivery times are from sending to receiving. --tail alone reads --log from the\n" +
			"beginning. The server shares this machine's processors if it runs here.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context()) },
	}
	b.addAddr(cmd)
	flags := cmd.Flags()
	flags.StringVar(&b.log, "log", "", "`NAME` of the log (default bench-DATE-TIME)")
	flags.BoolVar(&b.appends, "append", false, "append")
	flags.BoolVar(&b.tails, "tail", false, "tail")
	flags.IntVar(&b.conns, "conns", 8, "connections that append")
	flags.IntVar(&b.inFlight, "in-flight", 256, "appends in flight on each")
	flags.IntVar(&b.size, "size", 200, "bytes of an entry")
	flags.IntVar(&b.tailConns, "tails", 1, "connections that tail")
	flags.DurationVar(&b.duration, "duration", 10*time.Second, "how long")
	return cmd
}

// check completes the flags.
func (b *benching) check() error {
	if !b.appends && !b.tails {
		b.appends = true
	}
	switch {
	case !b.appends && b.log == "":
		return withCode(exitUsage, errors.New("--tail alone needs --log: which one to read"))
	case b.conns < 1 || b.conns > 10_000 || b.tailConns < 1 || b.tailConns > 10_000:
		return withCode(exitUsage, errors.New("want 1 to 10000 connections"))
	case b.inFlight < 1 || b.inFlight > 8192:
		return withCode(exitUsage, errors.New("want 1 to 8192 appends in flight"))
	case b.size < minBenchEntry || b.size > 16<<20:
		return withCode(exitUsage, fmt.Errorf("want entries of %d bytes to 16 MiB", minBenchEntry))
	case b.duration <= 0:
		return withCode(exitUsage, errors.New("want a duration above 0"))
	}
	if b.log == "" {
		b.log = time.Now().UTC().Format("bench-20060102-150405")
	}
	return nil
}

func (b *benching) run(ctx context.Context) error {
	if err := errors.Join(b.check(), b.load()); err != nil {
		return err
	}
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		b.progress = os.Stderr
		if b.appends {
			fmt.Fprintf(b.progress, "appending to the log %s of %s; the entries stay there\n", b.log, b.addr)
		}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, b.duration)
	defer cancel()
	if err := b.measure(ctx, cancel); err != nil {
		return err
	}
	b.report()
	return nil
}

// measure runs all connections until ctx ends; the first error ends it too.
func (b *benching) measure(ctx context.Context, cancel context.CancelFunc) error {
	tails, writers, err := b.connections()
	if err != nil {
		return err
	}
	var first benchError
	watch := func(conn func() error) func() {
		return func() {
			if first.set(conn()) {
				cancel()
			}
		}
	}
	b.began = time.Now()
	var tailing, appending, watching sync.WaitGroup
	ended := make(chan struct{})
	for _, t := range tails {
		tailing.Go(watch(t.run))
	}
	for _, w := range writers {
		appending.Go(watch(func() error { return w.run(ctx) }))
	}
	watching.Go(func() { b.watch(ended) })
	<-ctx.Done()
	appending.Wait()
	b.appendsEnded = time.Now()
	for _, t := range tails {
		t.stop(b.appends)
	}
	tailing.Wait()
	close(ended)
	watching.Wait()
	return first.err
}

// connections opens all before the first one begins.
func (b *benching) connections() (tails []*benchTail, writers []*benchWriter, err error) {
	if b.tails {
		for range b.tailConns {
			t, err := newBenchTail(b)
			if err != nil {
				return nil, nil, err
			}
			tails = append(tails, t)
		}
	}
	if b.appends {
		for i := range b.conns {
			w, err := newBenchWriter(b, i)
			if err != nil {
				return nil, nil, err
			}
			writers = append(writers, w)
		}
	}
	return tails, writers, nil
}

// benchError keeps the first error of several goroutines.
type benchError struct {
	mu  sync.Mutex // guards the following
	err error
}

func (e *benchError) set(err error) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = err
	}
	return err != nil
}

// watch shows a line that changes while it is measured.
func (b *benching) watch(ended <-chan struct{}) {
	if b.progress == nil {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var appended, delivered uint64
	for {
		select {
		case <-ended:
			fmt.Fprint(b.progress, "\r\x1b[K")
			return
		case <-ticker.C:
			a, d := b.answered.count(), b.delivered.count()
			fmt.Fprintf(b.progress, "\r\x1b[K%2.0fs  %d appended/s  %d delivered/s", time.Since(b.began).Seconds(), a-appended, d-delivered)
			appended, delivered = a, d
		}
	}
}

// report prints the result.
func (b *benching) report() {
	took := b.appendsEnded.Sub(b.began)
	if b.appends {
		fmt.Fprintf(b.out, "log %s\n", b.log)
		b.answered.print(b.out, fmt.Sprintf("append %d×%d, %d bytes", b.conns, b.inFlight, b.size), took)
	}
	if b.tails {
		b.delivered.print(b.out, fmt.Sprintf("tail ×%d", b.tailConns), took)
	}
}
