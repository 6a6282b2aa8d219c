package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
)

func newVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Check the data that BLOBS and DB name, also beside a running server",
		Long: "Check every invariant over the data that BLOBS and DB name: digests, indices without gap, the chain of\n" +
			"decisions, the index against them. Nothing is written. The exit code is 65\n" +
			"when something does not hold, 78 when there is no data.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := loadConfig()
			if err != nil {
				return err
			}
			began := time.Now()
			report, err := verify(config)
			for _, warning := range report.Warnings {
				fmt.Fprintf(os.Stderr, "ringlog: %s\n", warning)
			}
			if err != nil {
				return withCode(dataCode(err), err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d entries of %d logs, %d bytes, %d rows of the index: all good (%v)\n",
				report.Entries, report.Logs, report.Bytes, report.Rows, time.Since(began).Round(time.Millisecond))
			return err
		},
	}
}

const whereData = "set BLOBS and DB as for the server, or run this in its working directory"

func verify(config *Config) (check.Report, error) {
	if config.Blobs == inMemory {
		return check.Report{}, configErrorf("BLOBS: want the directory to verify, not %q", inMemory)
	}
	files, err := fs.ReadOnly(config.Blobs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return check.Report{}, configErrorf("BLOBS: want the directory to verify: %w; %s", err, whereData)
	case err != nil:
		return check.Report{}, fmt.Errorf("BLOBS: %w", err)
	}
	defer files.Close()
	report, err := check.Data(check.Options{Files: files, DB: config.DB})
	if errors.Is(err, os.ErrNotExist) {
		err = configErrorf("BLOBS: want the directory to verify: %s has no segments; %s", config.Blobs, whereData)
	}
	return report, err
}
