package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/protocol"
)

// reading is what tail, read and export have in common.
type reading struct {
	target
	from string
	n    uint64
	meta bool
	live bool

	jq     string
	raw    bool
	filter *filter // of jq, nil without
	all    bool    // of the log
	meter  *progress
}

// addPrinting adds the flags that say how entries are printed.
func (r *reading) addPrinting(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.meta, "meta", false, "with index, time, hash and key")
	cmd.Flags().StringVar(&r.jq, "jq", "", "print what the jq expression `EXPR` makes of each entry (with --meta: of the whole line)")
	cmd.Flags().BoolVarP(&r.raw, "raw-output", "r", false, "with --jq: strings without their quotes")
	r.addFlags(cmd)
}

const fromHelp = "first entry: `A` is an index (from 1), -N for the last N, a time (RFC 3339), or an age (15m, 7d)"

func newTail() *cobra.Command {
	var r reading
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the last entries, and new ones as they come with -f",
		Long: "Print the last entries, and new ones as they come with -f.\n\n" +
			fmt.Sprintf("When the server goes, -f says so on standard error and tries for %v to connect again; it goes on behind the last\n", reconnectFor) +
			"entry printed, without gap or repeat. After that time it ends with exit code 69.",
		Args: noArgs,
	}
	cmd.Flags().Uint64VarP(&r.n, "lines", "n", 10, "how many of the last entries; with --from: at most `N` from there")
	cmd.Flags().BoolVarP(&r.live, "follow", "f", false, "go on with new entries")
	cmd.Flags().StringVar(&r.from, "from", "", fromHelp)
	r.addPrinting(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if r.from == "" {
			return r.print(cmd, client.Last(r.n))
		}
		var count []client.ReadOption
		if cmd.Flags().Changed("lines") {
			count = append(count, client.Count(r.n))
		}
		return r.printFrom(cmd, count...)
	}
	return cmd
}

func newRead() *cobra.Command {
	var r reading
	cmd := &cobra.Command{
		Use:   "read [--from A] [-n N]",
		Short: "Print entries from A, or the first, to the head",
		Args:  noArgs,
	}
	cmd.Flags().StringVar(&r.from, "from", "1", fromHelp)
	cmd.Flags().Uint64VarP(&r.n, "lines", "n", 0, "at most `N` entries")
	r.addPrinting(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if cmd.Flags().Changed("lines") {
			return r.printFrom(cmd, client.Count(r.n))
		}
		return r.printFrom(cmd)
	}
	return cmd
}

func newExport() *cobra.Command {
	r := reading{all: true}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all entries of a log, one a line",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return r.print(cmd, client.From(1)) },
	}
	r.addPrinting(cmd)
	return cmd
}

func (r *reading) printFrom(cmd *cobra.Command, options ...client.ReadOption) error {
	from, err := parseFrom(r.from)
	if err != nil {
		return withCode(exitUsage, err)
	}
	return r.print(cmd, append(options, from)...)
}

// print writes what a read yields. An entry that can't be given is reported, the rest goes on.
func (r *reading) print(cmd *cobra.Command, options ...client.ReadOption) error {
	if err := r.compile(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	hooks := newReconnecting().ending(cancel)
	if r.live {
		hooks = newReconnecting().hooks()
	}
	c, err := r.connect(cmd.Context(), client.OnEvents(hooks))
	if err != nil {
		return err
	}
	defer c.Close()
	options = append(options, client.Log(r.log))
	if r.meta {
		options = append(options, client.Meta)
	}
	out := newOutput(os.Stdout, r.live)
	if r.meter = newCounter(os.Stderr, "read", 0); r.live || isTerminal(os.Stdout) {
		r.meter.end()
	} else if r.all {
		asking, done := context.WithTimeout(ctx, connectAmong)
		head, _ := c.Head(asking, client.Log(r.log)) // it is only for the bar
		done()
		r.meter.total = int64(head)
	}
	defer r.meter.end()
	var entries iter.Seq2[client.Entry, error]
	if r.live {
		whenGone(os.Stdout, func() { cancel(nil) })
		entries = c.Tail(ctx, options...)
	} else {
		entries = c.Read(ctx, options...)
	}
	err = r.write(ctx, out, entries)
	if cause := context.Cause(ctx); errors.Is(cause, client.ErrNoQuorum) {
		return errors.Join(clientError(cause), out.flush())
	}
	if ctx.Err() != nil {
		return errQuiet
	}
	return errors.Join(err, out.flush())
}

func (r *reading) compile() (err error) {
	switch {
	case r.jq != "":
		r.filter, err = newFilter(r.jq, r.raw)
	case r.raw:
		err = withCode(exitUsage, errors.New("--raw-output: want --jq beside it"))
	}
	return err
}

func (r *reading) write(ctx context.Context, out *output, entries iter.Seq2[client.Entry, error]) error {
	var text []byte
	missing, failed := 0, 0
	stderr := besideProgress{r.meter, os.Stderr}
	for entry, err := range entries {
		r.meter.add(1)
		switch {
		case isOfOneEntry(err):
			missing++
			fmt.Fprintf(stderr, "ringlog: entry %d: %v\n", entry.Index, err)
			continue
		case err != nil:
			return clientError(err)
		}
		text = r.format(text[:0], &entry)
		if r.filter == nil {
			err = out.line(text)
		} else if err = r.filter.run(ctx, text, out.line); errors.Is(err, errHalt) {
			break
		} else if output := (*outputError)(nil); err != nil && !errors.As(err, &output) && ctx.Err() == nil {
			failed++
			fmt.Fprintf(stderr, "ringlog: entry %d: jq: %v\n", entry.Index, err)
			continue
		}
		if err != nil {
			return err
		}
	}
	if missing > 0 {
		return withCode(exitData, fmt.Errorf("%d entries could not be read", missing))
	}
	if failed > 0 {
		return fmt.Errorf("of %d entries the jq expression failed", failed)
	}
	return nil
}

// isOfOneEntry tells errors behind which a read goes on.
func isOfOneEntry(err error) bool {
	return errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrRedacted) || errors.Is(err, client.ErrTrimmed)
}

func (r *reading) format(dst []byte, entry *client.Entry) []byte {
	if !r.meta {
		return append(dst, entry.Data...)
	}
	var key []byte
	if entry.Key != "" {
		key = []byte(entry.Key)
	}
	dst = protocol.AppendEntryMeta(dst, entry.Index, entry.Time.UnixNano(), entry.Hash, key, entry.Data)
	return dst[:len(dst)-1] // its LF
}

// parseFrom reads where a read begins: 17, -5, 2026-11-20T10:00:00Z, 15m, 7d.
func parseFrom(text string) (client.ReadOption, error) {
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		return client.From(n), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return client.Last(uint64(-n)), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return client.Since(at), nil
	}
	if age, ok := parseAge(strings.TrimPrefix(text, "-")); ok {
		return client.Age(age), nil
	}
	return nil, fmt.Errorf("--from: want an index, -N, a time as 2026-11-20T10:00:00Z, or an age as 15m or 7d, not %q", text)
}

const (
	day     = 24 * time.Hour
	maxDays = 100_000
)

func parseAge(text string) (time.Duration, bool) {
	if digits, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseUint(digits, 10, 32)
		return time.Duration(days) * day, err == nil && days <= maxDays
	}
	age, err := time.ParseDuration(text)
	return age, err == nil && age >= 0
}
