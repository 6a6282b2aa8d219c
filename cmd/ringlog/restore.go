package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

func newRestore() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make data to serve of the backup in DIR, where BLOBS names a new directory",
		Long: "Make data to serve of the backup in DIR. BLOBS names a directory that is new or empty, DB a file that is not\n" +
			"there. The data gets a cluster id of its own, since from now on its history is another than that of the\n" +
			"server that was backed up, which may still run. All of it is checked, as by `ringlog verify`.\n\n" +
			"Of the backup of a node of a cluster comes a cluster of one: the other nodes are no members of it any more, and\n" +
			"can't come back to it. It serves at once; give it PEER_PORT, and nodes without data join it.",
		Args: oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := loadConfig()
			if err != nil {
				return err
			}
			return runRestore(cmd.OutOrStdout(), config, args[0], asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	return command
}

func runRestore(out io.Writer, config *Config, dir string, asJSON bool) error {
	from, err := fs.ReadOnly(dir)
	if err != nil {
		return configErrorf("want the directory of a backup: %w", err)
	}
	defer from.Close()
	if err := fitForRestore(config); err != nil {
		return err
	}
	if err := makeBlobs(config.Blobs); err != nil {
		return err
	}
	to, err := fs.Dir(config.Blobs)
	if err != nil {
		return withCode(dirCode(err), fmt.Errorf("BLOBS: %w", err))
	}
	defer to.Close()
	note := filepath.Join(config.Blobs, restoreNote)
	if err := putNote(note, isRestoring); err != nil {
		return withCode(exitDisk, err)
	}
	began, meter := time.Now(), newProgress(os.Stderr, "restore", dataSize(dir))
	_, notBackup := os.Stat(filepath.Join(dir, backupNote))
	copied, err := segment.Restore(from, to, segment.CopyOptions{Whole: notBackup != nil, Progress: meter.add})
	meter.end()
	result := newCopyResult(&copied, 0)
	if err == nil {
		err = result.check(to, config)
	}
	if err == nil && result.together {
		err = result.isolate(to, config)
	}
	if err == nil {
		err = dropNote(to)
	}
	if err != nil {
		return restoreError(config, dir, err)
	}
	result.Took = time.Since(began).Seconds()
	if result.Left > 0 && !asJSON {
		fmt.Fprintf(os.Stderr, "ringlog: a cluster of one: %d other members of the old one are none any more\n", result.Left)
	}
	return sayCopied(out, asJSON, fmt.Sprintf("restored %d entries of %d logs to %s", result.Entries, result.Logs, config.Blobs), result)
}

// unclosed are files that stay open, and locked, when who uses them closes them.
type unclosed struct{ fs.FS }

func (unclosed) Close() error { return nil }

// isolate makes what was restored the data of a node that is alone. What was ordered and not decided when it was backed up
// is decided now.
func (r *copyResult) isolate(files fs.FS, config *Config) error {
	log, err := logserver.Open(logserver.Options{Files: unclosed{files}, DB: config.DB, Segment: int64(config.Segment), Alone: true, ScrubRate: -1})
	if err != nil {
		return fmt.Errorf("make it a cluster of one: %w", err)
	}
	heads := log.Heads()
	r.Logs, r.Entries = len(heads), 0
	for _, h := range heads {
		r.Entries += h.Head
	}
	return log.Close()
}

// check checks what was restored, as verify does.
func (r *copyResult) check(files fs.FS, config *Config) error {
	meter := newProgress(os.Stderr, "verify", dataSize(config.Blobs))
	report, err := check.Data(check.Options{Files: files, Progress: meter.add})
	meter.end()
	r.Logs, r.Entries, r.Gone = report.Logs, report.Entries, report.Gone
	r.Left = max(0, len(report.Members)-1)
	r.together = len(report.Members) > 0 && !slices.Equal(report.Members, []uint64{1})
	if report.Away > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d entries can't be read: their contents were on other nodes only. One node's backup holds everything where there are as many REPLICAS as nodes", report.Away))
	}
	if r.Gone > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d entries are lost: a repair had marked them so before the backup", r.Gone))
	}
	return err
}

// fitForRestore refuses to restore over anything.
func fitForRestore(config *Config) error {
	if config.Blobs == inMemory {
		return configErrorf("BLOBS: want a new directory, not %q", inMemory)
	}
	names, err := namesIn(config.Blobs)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return configErrorf("BLOBS: want a new directory: %w", err)
	case len(names) > 0 && isThere(filepath.Join(config.Blobs, restoreNote)):
		return errRestoring(config.Blobs)
	case len(names) > 0:
		return configErrorf("BLOBS: want a new or empty directory: %s holds %s; nothing was changed", config.Blobs, names[0])
	}
	if isThere(config.DB) {
		return configErrorf("DB: want a file that is not there: %s is of other data; remove it, or name another", config.DB)
	}
	return nil
}

func restoreError(config *Config, dir string, err error) error {
	again := fmt.Sprintf("; remove %s before you restore again", config.Blobs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return configErrorf("want the directory of a backup: %s: %w%s", dir, err, again)
	case errors.Is(err, segment.ErrDiskFull):
		return withCode(exitDisk, fmt.Errorf("%w; make space%s", err, again))
	}
	return withCode(dataCode(err), fmt.Errorf("%w%s", err, again))
}
