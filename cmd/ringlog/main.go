package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker (make build).
var version = "devel"

// generate, in a build with -tags docs, writes man pages and completions to a directory.
var generate func(dir string) error

func main() {
	if generate != nil && len(os.Args) == 2 {
		if err := generate(os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "ringlog:", err)
			os.Exit(exitFailure)
		}
		return
	}
	os.Exit(run(os.Args[1:]))
}

// run carries out one command line and returns the exit code.
func run(args []string) int {
	// A reader of standard output that goes away is an error of write, not a signal that ends us.
	signal.Ignore(syscall.SIGPIPE)
	root := newRoot()
	root.SetArgs(args)
	command, err := root.ExecuteContextC(context.Background())
	if err == nil || errors.Is(err, errQuiet) || errors.Is(err, syscall.EPIPE) {
		return exitOK
	}
	code := exitCode(err)
	if text := err.Error(); text != "" {
		fmt.Fprintf(os.Stderr, "ringlog: %s\n", text)
	}
	if code == exitUsage {
		fmt.Fprintf(os.Stderr, "Usage: %s; `%s --help` says more\n", command.UseLine(), command.CommandPath())
	}
	return code
}
