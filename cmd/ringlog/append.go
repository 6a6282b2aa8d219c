package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/protocol"
)

// What may be on its way at once. It is bounded here and less than what the client allows, so that the
// client refuses nothing while a server is being restarted: reading just waits.
const (
	maxInFlight  = 8192
	maxBytes     = 4 << 20
	roomyAppends = 2 * maxInFlight
	roomyBytes   = 256 << 20
)

// drainFor is how long an interrupted append waits for the answers to what is on its way.
const drainFor = 2 * time.Second

func newAppend() *cobra.Command {
	a := &appending{tally: tally{out: os.Stderr}}
	a.changed = sync.NewCond(&a.mu)
	cmd := &cobra.Command{
		Use:   "append [FILE...]",
		Short: "Append each line of the files, or of standard input, as an entry",
		Long: "Append each line of the files, or of standard input (-), as an entry: a JSON object or array, as it is but for\n" +
			"white space between tokens. Empty lines are left out. A bad line is reported with its number, and the rest\n" +
			"goes on; the exit code is 1 then. MAX_ENTRY, if set, is the server's limit of an entry.\n" +
			fmt.Sprintf("When the server goes, append tries for %v to connect again, and sends again what had no answer; nothing is\n", reconnectFor) +
			"appended twice. Ctrl-C: no more lines are taken, the summary says how far it came, and the exit code is 1.",
		RunE: func(cmd *cobra.Command, files []string) error { return a.run(cmd.Context(), files) },
	}
	cmd.Flags().BoolVar(&a.raw, "raw", false, `take lines of any text, empty ones too, each as {"message":"…"}; what is not UTF-8 becomes U+FFFD`)
	a.addFlags(cmd)
	return cmd
}

// appending is one run of `append`.
type appending struct {
	target
	tally
	raw bool

	client   *client.Client
	meter    *progress
	maxEntry int
	message  []byte // the entry made of a raw line
}

func (a *appending) run(ctx context.Context, files []string) error {
	limit, err := loadEntryLimit()
	if err != nil {
		return err
	}
	a.maxEntry = int(limit.MaxEntry)
	if a.client, err = a.connect(ctx, client.MaxEntry(a.maxEntry),
		client.MaxUnanswered(roomyBytes), client.Keep(roomyAppends, reconnectFor)); err != nil {
		return err
	}
	defer a.client.Close()
	if len(files) == 0 {
		files = []string{"-"}
	}
	a.meter = newProgress(os.Stderr, "append", fileSizes(files))
	if isTerminal(os.Stdin) && slices.Contains(files, "-") {
		a.meter.end() // it is typed
	}
	a.out = besideProgress{a.meter, a.out}
	interrupted := interrupts()
	began := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.files(ctx, files)
		a.drained()
	}()
	select {
	case <-ended:
	case <-interrupted:
		signal.Stop(interrupted) // the next one ends the process at once
		a.interrupt()
	}
	a.meter.end()
	return a.summary(a.log, time.Since(began))
}

// interrupts is where a first Ctrl-C or TERM comes; an INT that is ignored, as of a job in the
// background, stays so.
func interrupts() chan os.Signal {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGTERM)
	if !signal.Ignored(os.Interrupt) {
		signal.Notify(caught, os.Interrupt)
	}
	return caught
}

// interrupt takes no more lines and waits a little for what is on its way; then what is left is given
// up. Who reads the lines may stay in a read of standard input, which nothing ends but the process.
func (a *appending) interrupt() {
	a.stop()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		a.drained()
	}()
	select {
	case <-answered:
	case <-time.After(drainFor):
		a.client.Close()
		<-answered
	}
}

func (a *appending) files(ctx context.Context, names []string) {
	for _, name := range names {
		if err := a.file(ctx, name); err != nil {
			a.report(place{}, err) // it names the file
		}
	}
}

func (a *appending) file(ctx context.Context, name string) error {
	if name == "-" {
		return a.lines(ctx, "stdin", os.Stdin)
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return a.lines(ctx, name, file)
}

// lines appends the lines of one file. The error is about the file, not about one of its lines.
func (a *appending) lines(ctx context.Context, name string, r io.Reader) error {
	lines := newLineReader(r, a.maxEntry+protocol.Envelope)
	for a.open() {
		line, err := lines.next()
		switch at := (place{name, lines.number}); {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTooLong):
			a.report(at, err)
		case err != nil:
			return err
		case a.raw || !isBlank(line):
			a.entry(ctx, at, a.wrap(line))
		}
		a.meter.add(uint64(len(line) + 1))
	}
	return nil
}

func isBlank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}

// wrap makes an entry of a raw line.
func (a *appending) wrap(line []byte) []byte {
	if !a.raw {
		return line
	}
	a.message = append(a.message[:0], `{"message":`...)
	a.message = protocol.AppendString(a.message, line)
	a.message = append(a.message, '}')
	return a.message
}

func (a *appending) entry(ctx context.Context, at place, entry []byte) {
	size := len(entry)
	if !a.take(at, size) {
		return
	}
	a.client.AppendAsync(ctx, entry, client.Log(a.log), client.OnDone(func(index uint64, err error) {
		if err != nil {
			a.report(at, err)
		}
		a.outcome(index, size)
	}))
}
