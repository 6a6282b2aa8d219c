package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/protocol"
)

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Bring what other systems hold into a log, each entry at its index",
		Args:  noArgs,
		RunE: func(*cobra.Command, []string) error {
			return withCode(exitUsage, errors.New("import what: ndjson or tcp-log-server"))
		},
	}
	cmd.AddCommand(newImportNDJSON(), newImportTCPLogServer())
	return cmd
}

const importHelp = "The n-th entry gets index n. So the log must be empty, or hold what is imported up to its head: an import that was\n" +
	"broken off goes on where it stopped when it is run again. With --append everything goes behind what\n" +
	"is there, each time. It ends at the first entry that can't be imported."

// importing is one run of `import`.
type importing struct {
	target
	behind bool // --append
	asJSON bool

	client   *client.Client
	maxEntry int
	stop     <-chan os.Signal
	meter    *progress
	batch    [][]byte
	size     int    // bytes of it
	head     uint64 // the log's, with what was imported
	result   importResult
}

// importResult is what --json prints.
type importResult struct {
	Log      string  `json:"log"`
	Imported uint64  `json:"imported"`
	There    uint64  `json:"already_there"`
	First    uint64  `json:"first,omitempty"`
	Last     uint64  `json:"last,omitempty"`
	Lost     uint64  `json:"lost,omitempty"`
	Took     float64 `json:"seconds"`
	Stopped  bool    `json:"stopped,omitempty"` // by a signal
}

// imported is an entry of what is imported.
type imported struct {
	at   fmt.Stringer // where it is, for errors
	text []byte       // valid until the next one
	done uint64       // how much of all came with it, as the meter counts
	lost bool         // a note in place of content that is lost
}

func (i *importing) addFlags(cmd *cobra.Command) {
	i.target.addFlags(cmd)
	cmd.Flags().BoolVar(&i.behind, "append", false, "append behind what the log holds, whatever that is")
	cmd.Flags().BoolVar(&i.asJSON, "json", false, "print the result as one JSON object")
}

// run imports all entries, of which there are total as the meter counts.
func (i *importing) run(cmd *cobra.Command, entries iter.Seq2[imported, error], meter *progress) error {
	limit, err := loadEntryLimit()
	if err != nil {
		return err
	}
	i.maxEntry, i.meter = int(limit.MaxEntry), meter
	ctx := cmd.Context()
	if i.client, err = i.connect(ctx, client.MaxEntry(i.maxEntry), client.RetryRefused(reconnectFor)); err != nil {
		return err
	}
	defer i.client.Close()
	if i.head, err = i.client.Head(ctx, client.Log(i.log)); err != nil {
		return clientError(err)
	}
	i.stop = interrupts()
	began := time.Now()
	i.result.Log = i.log
	err = i.all(ctx, entries)
	i.meter.end()
	i.result.Took = time.Since(began).Seconds()
	return errors.Join(i.say(cmd.OutOrStdout()), err)
}

func (i *importing) all(ctx context.Context, entries iter.Seq2[imported, error]) error {
	next, stop := iter.Pull2(entries)
	defer stop()
	if !i.behind && i.head > 0 {
		if err := i.skip(ctx, next); err != nil {
			return err
		}
	}
	for {
		entry, err, more := next()
		if err == nil && more {
			err = i.take(ctx, &entry)
		}
		if err == nil {
			err = i.interrupted()
		}
		if err != nil || !more {
			return errors.Join(i.flush(ctx), err)
		}
	}
}

// skip passes over the entries that the log holds already, and holds that they are the same.
func (i *importing) skip(ctx context.Context, next func() (imported, error, bool)) error {
	var text []byte
	for there, err := range i.client.Read(ctx, client.Log(i.log), client.From(1), client.Count(i.head)) {
		if err != nil {
			return fmt.Errorf("compare with what the log holds: %w", clientError(err))
		}
		entry, err, more := next()
		if err != nil {
			return err
		}
		if !more {
			return nil // all is there, and more
		}
		if text, err = compact(text[:0], &entry); err != nil {
			return err
		}
		if !bytes.Equal(text, there.Data) {
			return fmt.Errorf("%v is not what log %s holds at index %d; import into an empty log (--log), or behind what is there (--append)",
				entry.at, i.log, there.Index)
		}
		i.result.There++
		i.meter.add(entry.done)
		if err := i.interrupted(); err != nil {
			return err
		}
	}
	return nil
}

// interrupted is an error if a signal has come.
func (i *importing) interrupted() error {
	select {
	case <-i.stop:
		i.result.Stopped = true
		return errors.New("stopped; run it again to go on")
	default:
		return nil
	}
}

// compact is an entry as the server stores it.
func compact(dst []byte, entry *imported) ([]byte, error) {
	text, err := protocol.Compact(dst, entry.text)
	if err != nil {
		return nil, withCode(exitData, fmt.Errorf("%v: no entry: %w; want a JSON object or array", entry.at, err))
	}
	return text, nil
}

// take puts an entry into the batch, and appends that first if it is full.
func (i *importing) take(ctx context.Context, entry *imported) error {
	text, err := compact(nil, entry)
	if err != nil {
		return err
	}
	if len(text) > i.maxEntry {
		return withCode(exitData, fmt.Errorf("%v: %d bytes, more than MAX_ENTRY, %d; raise it for the server and here", entry.at, len(text), i.maxEntry))
	}
	const separator = 1
	if len(i.batch) == maxImportBatch || i.size+len(text)+separator > i.maxEntry {
		if err := i.flush(ctx); err != nil {
			return err
		}
	}
	if entry.lost {
		i.result.Lost++
	}
	i.batch, i.size = append(i.batch, text), i.size+len(text)+separator
	i.meter.add(entry.done)
	return nil
}

// maxImportBatch is how many entries are appended at once.
const maxImportBatch = 10_000

// flush appends the batch: all of it or none, and only if nobody else has appended meanwhile.
func (i *importing) flush(ctx context.Context) error {
	if len(i.batch) == 0 {
		return nil
	}
	options := []client.AppendOption{client.Log(i.log)}
	if !i.behind {
		options = append(options, client.After(i.head))
	}
	first, err := i.client.AppendBatch(ctx, i.batch, options...)
	if errors.Is(err, client.ErrHead) {
		return fmt.Errorf("somebody else appends to log %s: %w", i.log, err)
	}
	if err != nil {
		return fmt.Errorf("%w; run it again to go on", clientError(err))
	}
	n := uint64(len(i.batch))
	if i.result.Imported == 0 {
		i.result.First = first
	}
	i.head = first + n - 1
	i.result.Imported, i.result.Last = i.result.Imported+n, i.head
	clear(i.batch)
	i.batch, i.size = i.batch[:0], 0
	return nil
}

// say tells what the import came to.
func (i *importing) say(out io.Writer) error {
	r := &i.result
	if i.asJSON {
		line, _ := json.Marshal(r) // it has nothing that can't be marshaled
		_, err := fmt.Fprintf(out, "%s\n", line)
		return err
	}
	where, lost := "", ""
	if r.Imported > 0 {
		where = fmt.Sprintf(" (index %d to %d)", r.First, r.Last)
	}
	if r.Lost > 0 {
		lost = fmt.Sprintf(", %d of them as lost", r.Lost)
	}
	_, err := fmt.Fprintf(out, "%d imported to %s%s%s, %d were there, in %v\n", r.Imported, r.Log, where, lost, r.There,
		time.Duration(r.Took*float64(time.Second)).Round(time.Millisecond))
	return err
}
