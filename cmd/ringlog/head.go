package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/protocol"
)

func newHead() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "head",
		Short: "Print the last index of a log",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.ask(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			head, err := c.Head(cmd.Context(), client.Log(t.log))
			if err != nil {
				return clientError(err)
			}
			_, err = fmt.Println(head)
			return err
		},
	}
	t.addFlags(cmd)
	return cmd
}

func newLogs() *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Print the logs there are, with their first and last index",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.ask(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			logs, err := c.Logs(cmd.Context())
			if err != nil {
				return clientError(err)
			}
			out := newOutput(cmd.OutOrStdout(), false)
			for _, log := range logs {
				line := protocol.AppendLog(nil, log.Name, log.First, log.Head)
				if err := out.line(line[:len(line)-1]); err != nil {
					return err
				}
			}
			return out.flush()
		},
	}
	t.addAddr(cmd)
	return cmd
}
