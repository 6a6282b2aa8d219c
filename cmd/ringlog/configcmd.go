package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newConfig() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "config",
		Short: "Print every variable of the server's configuration",
		Long: "Print every variable of the server's configuration: its value, where that comes from, the default, and\n" +
			"what it means. RINGLOG_X wins over X. A value that would stop the start stops this too, after the table.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, bad := loadConfig()
			if bad == nil {
				_, bad = config.secure()
			}
			if asJSON {
				return errors.Join(printConfig(cmd.OutOrStdout()), bad)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "VARIABLE\tVALUE\tORIGIN\tDEFAULT\tMEANING")
			for _, v := range variables(&Config{}) {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", v.name, orDash(v.shown()), v.origin(), orDash(v.def), v.meaning)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			for _, unknown := range unknownVariables() {
				fmt.Fprintln(cmd.ErrOrStderr(), "ringlog:", unknown)
			}
			return bad
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print a list of JSON objects")
	return command
}

// printConfig writes what `config` prints for programs.
func printConfig(out io.Writer) error {
	type row struct {
		Variable string `json:"variable"`
		Value    string `json:"value"`
		Origin   string `json:"origin"`
		Default  string `json:"default"`
		Meaning  string `json:"meaning"`
	}
	var rows []row
	for _, v := range variables(&Config{}) {
		rows = append(rows, row{v.name, v.shown(), v.origin(), v.def, v.meaning})
	}
	line, _ := json.Marshal(rows) // it has nothing that can't be marshaled
	_, err := fmt.Fprintf(out, "%s\n", line)
	return err
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
