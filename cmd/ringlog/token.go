package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/logserver/access"
)

func newToken() *cobra.Command {
	var name, scopes, logs string
	cmd := &cobra.Command{
		Use:   "token --name NAME",
		Short: "Make a token, and its line for the file of TOKENS",
		Long: "Make a token. Its line for the file that TOKENS names goes to standard output, the token itself to standard error:\n\n" +
			"  ringlog token --name shop --scopes append --logs 'shop.*,orders' >> tokens\n\n" +
			"The file has nothing of the token but its SHA-256, so it is shown this once. A running server reads the file again\n" +
			"on HUP; a token whose line is gone is valid no longer, and its connections are closed.\n\n" +
			"Scopes: read entries and heads; append (and heads); admin: what changes the server. None contains another. Logs\n" +
			"are names, or beginnings of names with * behind them.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return withCode(exitUsage, errors.New("want --name: who gets the token"))
			}
			token, line, err := access.NewToken(name, scopes, logs)
			if err != nil {
				return withCode(exitUsage, err)
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
				return err
			}
			fmt.Fprintln(cmd.ErrOrStderr(), token)
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of who gets it, for the log of the server")
	cmd.Flags().StringVar(&scopes, "scopes", "read,append", "what may be done: `read,append,admin` or some of them")
	cmd.Flags().StringVar(&logs, "logs", "*", "with which logs: `NAMES`, or beginnings with * behind them, with commas between them")
	return cmd
}
