package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
)

func newRepair() *cobra.Command {
	var yes, asJSON bool
	command := &cobra.Command{
		Use:   "repair",
		Short: "Make damaged data startable again; shows first what is lost",
		Long: "Find everything that is damaged in the segments that BLOBS names, and show what of it can be put\n" +
			"right, and which entries are lost. With --yes, do it: entries that are lost keep their indices, and answer\n" +
			"\"entry unavailable\" from then on. Each file that is replaced is kept beside it, as NAME.damaged.\n" +
			"No server may be running. The exit code is 0 when all is good or was repaired, 65 when there is\n" +
			"damage that was only shown or can't be repaired.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := loadConfig()
			if err != nil {
				return err
			}
			return runRepair(cmd.OutOrStdout(), config, yes, asJSON)
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do it")
	command.Flags().BoolVar(&asJSON, "json", false, "print what was found as one JSON object")
	return command
}

func runRepair(out io.Writer, config *Config, yes, asJSON bool) error {
	if readable, err := openToRead(config, "repair"); err != nil {
		return err
	} else if err := readable.Close(); err != nil {
		return err
	}
	files, err := fs.Dir(config.Blobs)
	if locked := (*fs.LockedError)(nil); errors.As(err, &locked) {
		return configErrorf("BLOBS: %w; stop it first", err)
	}
	if err != nil {
		return withCode(dataCode(err), err)
	}
	defer files.Close()
	meter, began := newProgress(os.Stderr, "examine", 2*dataSize(config.Blobs)), time.Now()
	r, err := check.Examine(check.Options{Files: files, Progress: meter.add})
	meter.end()
	if errors.Is(err, os.ErrNotExist) {
		return configErrorf("BLOBS: want the directory to repair: %s has no segments; %s", config.Blobs, whereData)
	}
	v := &verdict{Took: time.Since(began).Seconds(), Good: err == nil, untold: err != nil}
	if r != nil {
		defer r.Close()
		v.list(r)
		v.take(&r.Report)
		v.Good = v.Good && len(r.Damages) == 0
	}
	if shown := v.showDamage(out, asJSON); err == nil {
		err = shown
	}
	switch {
	case err != nil:
		return withCode(dataCode(err), fmt.Errorf("nothing was changed: %w", err))
	case v.Good:
		return v.say(out, asJSON, "nothing is damaged")
	case !yes:
		return withCode(exitData, errors.New("nothing was changed; `ringlog repair --yes` does it"))
	}
	err = r.Apply()
	if errors.Is(err, segment.ErrDiskFull) {
		return withCode(exitDisk, fmt.Errorf("%w; make space for copies of the damaged files, and repair again", err))
	}
	if err != nil {
		return withCode(dataCode(err), err)
	}
	return v.say(out, asJSON, "repaired; what was replaced is kept as *.damaged")
}

// showDamage writes the verdict of repair.
func (v *verdict) showDamage(out io.Writer, asJSON bool) error {
	if asJSON {
		return v.printJSON(out)
	}
	v.printDamage(out)
	if len(v.Damage) == 0 || v.untold {
		return nil
	}
	entries, bytes := uint64(0), int64(0)
	for i := range v.Damage {
		bytes += v.Damage[i].Bytes
		for _, l := range v.Damage[i].Lost {
			entries += l.Last - l.First + 1
		}
	}
	_, err := fmt.Fprintf(out, "%d damages, %d bytes of files; %d entries are lost by them\n", len(v.Damage), bytes, entries)
	return err
}

// say says something to people.
func (v *verdict) say(out io.Writer, asJSON bool, text string) error {
	if asJSON {
		return nil
	}
	_, err := fmt.Fprintln(out, text)
	return err
}
