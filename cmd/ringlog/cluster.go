package main

import "github.com/spf13/cobra"

func newCluster() *cobra.Command {
	command := &cobra.Command{
		Use:   "cluster",
		Short: "Make and tend a cluster of several nodes",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	command.AddCommand(newClusterCerts())
	command.AddCommand(newClusterAdmin()...)
	return command
}
