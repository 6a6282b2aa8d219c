package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/cluster"
	"github.com/ringlog/ringlog/logserver/order"
)

// adminTime is how long a command waits for the cluster.
const adminTime = 30 * time.Second

// admin asks a node on its peer port, as a node.
type admin struct {
	address string
	json    bool
}

func newClusterAdmin() []*cobra.Command {
	a := &admin{}
	commands := []*cobra.Command{
		a.command("status", "Show members, who leads, and how the cluster is", 0, func(ctx context.Context, call caller, out io.Writer, _ []string) error {
			var st cluster.Status
			if err := call(ctx, "status", nil, &st); err != nil {
				return err
			}
			return a.show(out, st, func(w io.Writer) { printStatus(w, &st) })
		}),
		a.command("join ADDRESS", "Have a node without data join the cluster of the node at ADDRESS (its peer port)", 1, func(ctx context.Context, call caller, out io.Writer, args []string) error {
			if !dialable(args[0]) {
				return withCode(exitUsage, fmt.Errorf("want the peer port of a member, host:port, not %q", args[0]))
			}
			return does("enter", args[0], "joined: it copies what there is, and votes when it has; let its PEERS name "+args[0]+" from now on")(ctx, call, out, nil)
		}),
		a.command("found", "Tell a node that looks for a cluster to found one", 0, does("found", nil, "founding")),
		a.command("leave", "Have the node leave its cluster; its data stays", 0, func(ctx context.Context, call caller, out io.Writer, _ []string) error {
			return parts(ctx, call, out, "leave", nil, "left: stop the node now; its data is a copy that no cluster knows any more")
		}),
		a.command("remove NODE", "Remove a member, by name or number, whether it is up or not", 1, func(ctx context.Context, call caller, out io.Writer, args []string) error {
			return parts(ctx, call, out, "remove", args[0], args[0]+" is removed: its number is never given again")
		}),
		detailed(a.command("set "+strings.Join(order.SettingNames, "|")+" VALUE", "Change a setting of the cluster", 2, func(ctx context.Context, call caller, out io.Writer, args []string) error {
			return set(ctx, call, out, args[0], args[1])
		}), "replicas (1 to 7) is how many nodes hold the same content, other-zones and other-regions (together fewer) how many of them elsewhere\n"+
			"where possible, commit (one, quorum, all) how many have flushed it before an append is confirmed. They hold for all members."),
		a.command("replace NODE", "Let an empty node take the place of a member, under its name", 1, func(ctx context.Context, call caller, out io.Writer, args []string) error {
			var name string
			if err := call(ctx, "replace", args[0], &name); err != nil {
				return err
			}
			_, err := fmt.Fprintf(out, "within an hour, a node without data that joins as %s takes its place: start it with PEERS\n", name)
			return err
		}),
		a.command("move-leader", "Have another node lead", 0, does("lead", nil, "asked another node to lead")),
		a.command("owner VALUE", "Show which node answers for a value on the ring", 1, func(ctx context.Context, call caller, out io.Writer, args []string) error {
			var owners []cluster.Member
			if err := call(ctx, "owner", args[0], &owners); err != nil {
				return err
			}
			return a.show(out, owners, func(w io.Writer) { printMembers(w, &cluster.Status{Members: owners}) })
		}),
	}
	return commands
}

// detailed adds a paragraph to what a command says of itself.
func detailed(command *cobra.Command, text string) *cobra.Command {
	command.Long += "\n\n" + text
	return command
}

// caller calls a method of the node.
type caller func(ctx context.Context, method string, in, out any) error

// does is a command that calls a method and says what has been done.
func does(method string, in any, done string) func(context.Context, caller, io.Writer, []string) error {
	return func(ctx context.Context, call caller, out io.Writer, _ []string) error {
		if err := call(ctx, method, in, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, done)
		return err
	}
}

func (a *admin) command(use, short string, args int, run func(context.Context, caller, io.Writer, []string) error) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short,
		Long: short + ".\n\nThe node is asked on its peer port: --peer, or this machine's PEER_PORT. The environment's PEER_CERT, PEER_KEY\n" +
			"and PEER_CA open it, as they do for nodes.",
		Args: func(_ *cobra.Command, given []string) error {
			if len(given) != args {
				return withCode(exitUsage, fmt.Errorf("want: ringlog cluster %s", use))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, given []string) error {
			links, address, err := a.dial()
			if err != nil {
				return err
			}
			defer links.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), adminTime)
			defer cancel()
			call := func(ctx context.Context, method string, in, out any) error {
				err := cluster.Call(ctx, links, address, method, in, out)
				if err != nil && peer.Code(err) == "" {
					return withCode(exitConnect, fmt.Errorf("no answer from the node at %s: %w", address, err))
				}
				return err
			}
			return run(ctx, call, cmd.OutOrStdout(), given)
		},
	}
	command.Flags().StringVar(&a.address, "peer", "", "peer port of the node to ask, host:port")
	command.Flags().BoolVar(&a.json, "json", false, "JSON in place of a table")
	return command
}

// dial returns what calls are made with, and the address of the node.
func (a *admin) dial() (*peer.Links, string, error) {
	config, err := loadConfig()
	if err != nil {
		return nil, "", err
	}
	address := a.address
	if address == "" {
		if config.PeerPort == "" {
			return nil, "", withCode(exitUsage, fmt.Errorf("want --peer HOST:PORT, or PEER_PORT as the node has it"))
		}
		if address = config.PeerPort; !strings.Contains(address, ":") {
			address = net.JoinHostPort("127.0.0.1", address)
		}
	}
	config.Insecure = config.Insecure || config.PeerCert == ""
	certificates, err := peerCertificates(config)
	if err != nil {
		return nil, "", err
	}
	o := peer.Options{Self: func() peer.Identity { return peer.Identity{} }}
	if certificates != nil {
		o.TLS = certificates.Config()
		o.Self = func() peer.Identity { return peer.Identity{Name: certificates.Name()} }
	}
	return peer.New(o), address, nil
}

// show prints a value as JSON, or as a person reads it.
func (a *admin) show(out io.Writer, value any, table func(io.Writer)) error {
	if a.json {
		encoder := json.NewEncoder(out)
		return encoder.Encode(value)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	table(w)
	return w.Flush()
}
