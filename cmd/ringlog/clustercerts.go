package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/peer"
)

func newClusterCerts() *cobra.Command {
	var dir string
	var missing bool
	command := &cobra.Command{
		Use:   "certs --dir DIR NAME...",
		Short: "Make certificates for the links between nodes",
		Long: "Make a certificate and its key for each node named, and the CA that signs them if DIR has none yet, and print\n" +
			"what each node's environment is to say. Files that exist are never written over: to renew a certificate,\n" +
			"remove its two files first. Keep " + peer.CAKeyFile + " away from the nodes: with it anybody makes himself one of them.",
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := checkNodes(dir, names); err != nil {
				return withCode(exitUsage, err)
			}
			if missing {
				if names = lacking(dir, names); len(names) == 0 {
					return nil
				}
			}
			return makeCerts(cmd.OutOrStdout(), dir, names)
		},
	}
	command.Flags().StringVar(&dir, "dir", "", "directory of the certificates; made if its parent exists")
	command.Flags().BoolVar(&missing, "missing", false, "pass over nodes that have a certificate and a key in DIR")
	return command
}

func checkNodes(dir string, names []string) error {
	switch {
	case dir == "":
		return errors.New("want --dir DIR, the directory for the certificates")
	case len(names) == 0:
		return errors.New("want the name of a node, as its NODE will say, or several")
	}
	for i, name := range names {
		if err := peer.CheckName(name); err != nil {
			return err
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("node %s is named twice", name)
		}
	}
	return nil
}

// lacking returns the names of those who haven't got both their files in dir.
func lacking(dir string, names []string) (all []string) {
	for _, name := range names {
		if !isThere(filepath.Join(dir, name+peer.CertSuffix)) || !isThere(filepath.Join(dir, name+peer.KeySuffix)) {
			all = append(all, name)
		}
	}
	return all
}

// makeCerts makes what is missing in dir. If something is in the way, it makes nothing.
func makeCerts(out io.Writer, dir string, names []string) error {
	for _, name := range names {
		for _, suffix := range []string{peer.CertSuffix, peer.KeySuffix} {
			if _, err := os.Lstat(filepath.Join(dir, name+suffix)); err == nil {
				return fmt.Errorf("%s exists: remove it first, if %s is to get another one", filepath.Join(dir, name+suffix), name)
			}
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := makeCA(out, dir); err != nil {
		return err
	}
	for _, name := range names {
		if err := peer.MakeNode(dir, name); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "NODE=%s PEER_CERT=%s PEER_KEY=%s PEER_CA=%s\n", name, filepath.Join(dir, name+peer.CertSuffix),
			filepath.Join(dir, name+peer.KeySuffix), filepath.Join(dir, peer.CAFile))
		if err != nil {
			return err
		}
	}
	return nil
}

// makeCA makes the CA, unless there is one.
func makeCA(out io.Writer, dir string) error {
	ca := filepath.Join(dir, peer.CAFile)
	if _, err := os.Lstat(ca); err == nil {
		return nil
	}
	if err := peer.MakeCA(dir); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "made %s, and its key %s, which no node needs: keep it elsewhere\n", ca, filepath.Join(dir, peer.CAKeyFile))
	return err
}
