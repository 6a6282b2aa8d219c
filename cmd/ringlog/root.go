package main

import (
	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "ringlog",
		Short: "An append-only log served over TCP in newline-delimited JSON",
		Long: "An append-only log served over TCP in newline-delimited JSON.\n\n" +
			"Without a command it serves; `ringlog config` prints what configures it.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          runServe,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return withCode(exitUsage, err) })
	root.AddCommand(
		newServe(), newAppend(), newTail(), newRead(), newExport(), newHead(), newLogs(),
		newVerify(), newBench(), newConfig(), newVersion(),
	)
	return root
}

// noArgs refuses arguments: an unknown command for the root, a stray word for the others.
func noArgs(cmd *cobra.Command, args []string) error {
	return withCode(exitUsage, cobra.NoArgs(cmd, args))
}
