package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
)

func newVerify() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "verify",
		Short: "Check the data that BLOBS and DB name, also beside a running server",
		Long: "Check every invariant over the data that BLOBS and DB name: digests, indices without gap, the chain of\n" +
			"decisions, the index against them. Nothing is written. The exit code is 65\n" +
			"when something does not hold, 78 when there is no data. Entries that `ringlog repair` has\n" +
			"marked as lost are told, and are no reason to fail; so is how many entries only other nodes of the cluster hold.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := loadConfig()
			if err != nil {
				return err
			}
			return runVerify(cmd.OutOrStdout(), config, asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	return command
}

const whereData = "set BLOBS and DB as for the server, or run this in its working directory"

func runVerify(out io.Writer, config *Config, asJSON bool) error {
	files, err := openToRead(config, "verify")
	if err != nil {
		return err
	}
	defer files.Close()
	began, meter := time.Now(), newProgress(os.Stderr, "verify", dataSize(config.Blobs))
	options := check.Options{Files: files, DB: config.DB, Live: true, Progress: meter.add}
	if isThere(filepath.Join(config.Blobs, backupNote)) {
		options.DB = "" // a backup has none
	}
	report, err := check.Data(options)
	if errors.Is(err, os.ErrNotExist) {
		meter.end()
		return configErrorf("BLOBS: want the directory to verify: %s has no segments; %s", config.Blobs, whereData)
	}
	v := &verdict{Took: time.Since(began).Seconds()}
	if check.Damaged(err) {
		meter.restart("find out what is damaged")
		v.examine(options, err)
	}
	v.take(&report)
	meter.end()
	for _, warning := range report.Warnings {
		fmt.Fprintf(os.Stderr, "ringlog: %s\n", warning)
	}
	v.Good = err == nil
	if shown := v.show(out, asJSON, err); shown != nil {
		return shown
	}
	return withCode(dataCode(err), err)
}

// openToRead opens the segments' directory for reading only.
func openToRead(config *Config, what string) (fs.FS, error) {
	if config.Blobs == inMemory {
		return nil, configErrorf("BLOBS: want the directory to %s, not %q", what, inMemory)
	}
	files, err := fs.ReadOnly(config.Blobs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, configErrorf("BLOBS: want the directory to %s: %w; %s", what, err, whereData)
	case err != nil:
		return nil, fmt.Errorf("BLOBS: %w", err)
	}
	return files, nil
}

// dataSize is how long the segments are together, as far as that can be told.
func dataSize(dir string) (size int64) {
	names, _ := filepath.Glob(filepath.Join(dir, "*.seg"))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return size
}

// verdict is the result of verify and of repair, as --json prints it.
type verdict struct {
	Good    bool      `json:"good"`
	Logs    int       `json:"logs"`
	Entries uint64    `json:"entries"`
	Bytes   uint64    `json:"bytes"`
	Rows    uint64    `json:"rows"`
	Took    float64   `json:"seconds"`
	Lost    []lost    `json:"lost,omitempty"`   // marked by a repair
	Gone    uint64    `json:"lost_entries"`     // entries that are
	Away    uint64    `json:"away_entries"`     // entries that are on other nodes only
	Damage  []damaged `json:"damage,omitempty"` // not yet repaired
	Repair  string    `json:"repair,omitempty"` // the command, or why there is none
	untold  bool      // what is lost with the damage can't be told
}

type lost struct {
	Log    string `json:"log"`
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	File   string `json:"file"`
	Offset int64  `json:"offset"`
}

func newLost(l check.Lost) lost {
	return lost{l.Log, l.First, l.Last, segment.FileName(l.Place.Segment), l.Place.Offset}
}

type damaged struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
	What   string `json:"what"`
	Lost   []lost `json:"lost,omitempty"` // what a repair will mark
	Mended bool   `json:"mended"`         // a repair puts it right
}

const repairCommand = "ringlog repair"

// examine finds out what is damaged, when check has failed with err.
func (v *verdict) examine(options check.Options, err error) {
	r, failed := check.Examine(options)
	v.untold = failed != nil
	if r != nil {
		defer r.Close()
		v.list(r)
	}
	switch {
	case failed != nil:
		v.Repair = failed.Error()
	case len(v.Damage) > 0:
		v.Repair = repairCommand
	case errors.Is(err, check.ErrIndex):
		v.Repair = "stop the server, remove the file that DB names, " + options.DB + ": the next start makes it anew"
	default:
		v.Repair = "put back a copy of the data: " + err.Error()
	}
}

func (v *verdict) list(r *check.Repair) {
	for i := range r.Damages {
		d := &r.Damages[i]
		row := damaged{d.File, d.Offset, d.Bytes, d.Detail, nil, d.Kind == 0}
		for _, l := range r.Of(d) {
			row.Lost = append(row.Lost, newLost(l))
		}
		v.Damage = append(v.Damage, row)
	}
}

func (v *verdict) take(r *check.Report) {
	v.Logs, v.Entries, v.Bytes, v.Rows, v.Gone, v.Away = r.Logs, r.Entries, r.Bytes, r.Rows, r.Gone, r.Away
	for _, l := range r.Lost {
		v.Lost = append(v.Lost, newLost(l))
	}
}

// printJSON writes the verdict for programs.
func (v *verdict) printJSON(out io.Writer) error {
	line, _ := json.Marshal(v) // it has nothing that can't be marshaled
	_, err := fmt.Fprintf(out, "%s\n", line)
	return err
}

// show writes the verdict of verify; for people, what is good to out, what is not to standard error.
func (v *verdict) show(out io.Writer, asJSON bool, failed error) error {
	if asJSON {
		return v.printJSON(out)
	}
	for _, l := range v.Lost {
		if _, err := fmt.Fprintf(out, "%s, lost by the damage at offset %d of %s\n", l.name(), l.Offset, l.File); err != nil {
			return err
		}
	}
	if failed != nil {
		v.printDamage(os.Stderr)
		if v.Repair != "" {
			fmt.Fprintf(os.Stderr, "ringlog: to repair: %s\n", v.Repair)
		}
		return nil
	}
	result := "all good"
	if v.Gone > 0 {
		result = fmt.Sprintf("%d entries are lost, all else is good", v.Gone)
	}
	if v.Away > 0 {
		result = fmt.Sprintf("%d of them are held by other nodes only; %s", v.Away, result)
	}
	_, err := fmt.Fprintf(out, "%d entries of %d logs, %d bytes, %d rows of the index: %s (%v, %.0f MB/s)\n",
		v.Entries, v.Logs, v.Bytes, v.Rows, result, time.Duration(v.Took*float64(time.Second)).Round(time.Millisecond),
		float64(v.Bytes)/1e6/max(v.Took, 1e-9))
	return err
}

func (l *lost) name() string { return check.Lost{Log: l.Log, First: l.First, Last: l.Last}.String() }

func (v *verdict) printDamage(out io.Writer) {
	for i := range v.Damage {
		d := &v.Damage[i]
		fmt.Fprintf(out, "%s, offset %d, %d bytes: %s", d.File, d.Offset, d.Bytes, d.What)
		switch {
		case d.Mended:
			fmt.Fprintln(out, ": nothing is lost, it can be put right")
		case v.untold:
			fmt.Fprintln(out)
		case len(d.Lost) == 0:
			fmt.Fprintln(out, ": no entry is lost")
		default:
			fmt.Fprintln(out, ": lost:")
		}
		for j := range d.Lost {
			fmt.Fprintf(out, "  %s\n", d.Lost[j].name())
		}
	}
}
