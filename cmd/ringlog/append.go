package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
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

func newAppend() *cobra.Command {
	a := &appending{errors: os.Stderr}
	a.answered = sync.NewCond(&a.mu)
	cmd := &cobra.Command{
		Use:   "append [FILE...]",
		Short: "Append each line of the files, or of standard input, as an entry",
		Long: "Append each line of the files, or of standard input (-), as an entry: a JSON object or array, as it is but for\n" +
			"white space between tokens. Empty lines are left out. A bad line is reported with its number, and the rest\n" +
			"goes on; the exit code is 1 then. MAX_ENTRY, if set, is the server's limit of an entry.",
		RunE: func(cmd *cobra.Command, files []string) error { return a.run(cmd.Context(), files) },
	}
	cmd.Flags().BoolVar(&a.raw, "raw", false, `take lines of any text, empty ones too, each as {"message":"…"}; what is not UTF-8 becomes U+FFFD`)
	a.addFlags(cmd)
	return cmd
}

// appending is one run of `append`.
type appending struct {
	target
	raw    bool
	errors io.Writer

	client   *client.Client
	maxEntry int
	message  []byte // the entry made of a raw line

	mu          sync.Mutex // guards the following
	answered    *sync.Cond // inFlight or bytes shrank
	inFlight    int        // appends without an outcome
	bytes       int        // of theirs
	appended    uint64
	first, last uint64
	bad         uint64
	lost        error // why nothing more can be appended
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
	began := time.Now()
	for _, name := range files {
		if err := a.file(ctx, name); err != nil {
			a.report("%v", err) // it names the file
		}
	}
	a.wait(1, 0)
	return a.summary(time.Since(began))
}

func (a *appending) file(ctx context.Context, name string) error {
	if name == "-" {
		return a.lines(ctx, "-", os.Stdin)
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
	for a.working() {
		line, err := lines.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errTooLong):
			a.report("%s:%d: %v", name, lines.number, err)
			continue
		case err != nil:
			return err
		case !a.raw && isBlank(line):
			continue
		}
		a.entry(ctx, name, lines.number, a.wrap(line))
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

func (a *appending) entry(ctx context.Context, name string, number int, entry []byte) {
	size := len(entry)
	a.wait(maxInFlight, maxBytes)
	a.mu.Lock()
	a.inFlight++
	a.bytes += size
	a.mu.Unlock()
	a.client.AppendAsync(ctx, entry, client.Log(a.log), client.OnDone(func(index uint64, err error) {
		if err != nil {
			a.failed(name, number, err)
		}
		a.outcome(index, size)
	}))
}

// outcome takes in that an append has one; index 0: it failed.
func (a *appending) outcome(index uint64, size int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.inFlight--
	a.bytes -= size
	a.answered.Signal()
	if index == 0 {
		return
	}
	a.appended++
	if a.first == 0 {
		a.first = index
	}
	a.last = max(a.last, index)
}

// wait waits until fewer than n appends, of at most so many bytes, are on their way.
func (a *appending) wait(n, bytes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.inFlight >= n || a.inFlight > 0 && a.bytes > bytes {
		a.answered.Wait()
	}
}

func (a *appending) working() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost == nil
}

// failed reports a line that was not appended, and ends the run when none will be.
func (a *appending) failed(name string, number int, err error) {
	if errors.Is(err, client.ErrDisconnected) || errors.Is(err, client.ErrForbidden) || errors.Is(err, client.ErrUnauthorized) {
		a.mu.Lock()
		if a.lost == nil {
			a.lost = err
		}
		a.mu.Unlock()
	}
	a.report("%s:%d: %v", name, number, err)
}

func (a *appending) report(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bad++
	fmt.Fprintf(a.errors, "ringlog: "+format+"\n", args...)
}

// summary says what was done; its error is empty, as every line was reported already.
func (a *appending) summary(took time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintf(a.errors, "%d appended to %s", a.appended, a.log)
	if a.appended > 0 {
		fmt.Fprintf(a.errors, " (index %d to %d)", a.first, a.last)
	}
	fmt.Fprintf(a.errors, ", %d not, in %v\n", a.bad, took.Round(time.Millisecond))
	switch {
	case a.lost != nil:
		return clientError(a.lost)
	case a.bad > 0:
		return withCode(exitFailure, errors.New(""))
	}
	return nil
}
