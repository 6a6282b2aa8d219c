package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print every variable of the server's configuration",
		Long: "Print every variable of the server's configuration: its value, where that comes from, the default, and\n" +
			"what it means. RINGLOG_X wins over X. A value that would stop the start stops this too, after the table.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, bad := loadConfig()
			if bad == nil {
				_, bad = loadSecurity(config)
			}
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "VARIABLE\tVALUE\tORIGIN\tDEFAULT\tMEANING")
			for _, v := range variables(&Config{}) {
				meaning := v.meaning
				if v.later {
					meaning += " (not yet)"
				}
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", v.name, orDash(v.shown()), v.origin(), orDash(v.def), meaning)
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
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
