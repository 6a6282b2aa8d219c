package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/logserver/web/jq"
)

// filterName is the command that the server starts to run a program of jq from a request: a process
// that may be lost.
const filterName = "filter"

// filterAddresses is how much of the address space such a process may take: its heap, and what Go
// reserves besides.
const filterAddresses = 2 << 30

func newFilterCommand() *cobra.Command {
	return &cobra.Command{
		Use:                filterName + " PROGRAM",
		Short:              "Run a jq program over the lines of a read (the server does)",
		Hidden:             true,
		Args:               cobra.ExactArgs(1),
		DisableFlagParsing: true, // a program may begin with a dash
		RunE: func(_ *cobra.Command, args []string) error {
			jq.LimitAddresses(filterAddresses)
			os.Exit(int(jq.Main(args[0], jq.Limits{}, os.Stdin, os.Stdout, os.Stderr)))
			return nil
		},
	}
}

// filterCommand is this very binary, also when another one has taken its place since.
func filterCommand() []string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return []string{self, filterName}
	}
	if name, err := os.Executable(); err == nil {
		return []string{name, filterName}
	}
	return nil
}
