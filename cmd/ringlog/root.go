package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

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
		Version:       buildVersion(),
	}
	root.SetVersionTemplate(versionLine())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newServe(), newAppend(), newTail(), newRead(), newExport(), newHead(), newLogs(),
		newVerify(), newRepair(), newBackup(), newRestore(), newImport(), newDoctor(), newBench(), newCluster(), newHealth(), newToken(), newConfig(), newVersion(), newFilterCommand(),
	)
	return root
}

// countFlag is how pflag refuses -5, which other tails take.
var countFlag = regexp.MustCompile(`^unknown shorthand flag: '\d' in -(\d+)`)

// flagError says what a flag that is a number wants, instead of what strconv says about it.
func flagError(_ *cobra.Command, err error) error {
	var number *strconv.NumError
	if count := countFlag.FindStringSubmatch(err.Error()); count != nil {
		err = fmt.Errorf("unknown flag -%s: want -n %s", count[1], count[1])
	}
	if text, _, ok := strings.Cut(err.Error(), ": strconv."); ok && errors.As(err, &number) {
		err = fmt.Errorf("%s: want a whole number that is not too large", text)
	}
	return withCode(exitUsage, err)
}

// noArgs refuses arguments: an unknown command for the root, a stray word for the others.
func noArgs(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case !cmd.HasParent():
		return withCode(exitUsage, unknownCommand(cmd, args[0]))
	case cmd.Flags().Lookup("log") != nil:
		return withCode(exitUsage, fmt.Errorf("unexpected argument %q: --log names a log", args[0]))
	}
	return withCode(exitUsage, fmt.Errorf("unexpected argument %q", args[0]))
}

func unknownCommand(root *cobra.Command, name string) error {
	root.SuggestionsMinimumDistance = 2
	if similar := root.SuggestionsFor(name); len(similar) > 0 {
		return fmt.Errorf("unknown command %q: want %s", name, strings.Join(similar, " or "))
	}
	return fmt.Errorf("unknown command %q", name)
}
