package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/protocol"
)

func newImportNDJSON() *cobra.Command {
	i := &importing{}
	cmd := &cobra.Command{
		Use:   "ndjson [FILE...]",
		Short: "Import each line of the files, or of standard input, as an entry",
		Long: "Import each line of the files, or of standard input (-), as an entry: a JSON object or array. Empty lines are\n" +
			"left out. " + importHelp,
		RunE: func(cmd *cobra.Command, files []string) error {
			limit, err := loadEntryLimit()
			if err != nil {
				return err
			}
			if len(files) == 0 {
				files = []string{"-"}
			}
			size := fileSizes(files)
			return i.run(cmd, linesOf(files, int(limit.MaxEntry)+protocol.Envelope), newProgress(os.Stderr, "import", size))
		},
	}
	i.addFlags(cmd)
	return cmd
}

// fileSizes is how long the files are together; 0 if that can't be told.
func fileSizes(files []string) (size int64) {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil || !info.Mode().IsRegular() {
			return 0
		}
		size += info.Size()
	}
	return size
}

// linesOf yields the lines of files that are not blank.
func linesOf(files []string, limit int) iter.Seq2[imported, error] {
	return func(yield func(imported, error) bool) {
		for _, name := range files {
			if err := eachLine(name, limit, yield); err != nil {
				if !errors.Is(err, errQuiet) {
					yield(imported{}, err)
				}
				return
			}
		}
	}
}

// eachLine yields the lines of one file; errQuiet if no more are wanted.
func eachLine(name string, limit int, yield func(imported, error) bool) error {
	file := os.Stdin
	if name != "-" {
		var err error
		if file, err = os.Open(name); err != nil {
			return err
		}
		defer file.Close()
	} else {
		name = "stdin"
	}
	for lines := newLineReader(file, limit); ; {
		line, err := lines.next()
		at := place{name, lines.number}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return withCode(exitData, fmt.Errorf("%v: %w", at, err))
		case isBlank(line):
			continue
		}
		if !yield(imported{at: at, text: line, done: uint64(len(line) + 1)}, nil) {
			return errQuiet
		}
	}
}
