package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
	"github.com/ringlog/ringlog/logserver/cluster"
)

const peerPort = "9000"

// A node is a process in a host. Its methods are for one goroutine, dial and up for any.
type node struct {
	*server.Server
	*host
	name    string
	peering map[string]string // variables that make it a node
	up      atomic.Bool       // clients may try it
}

// newNode prepares one; nothing is started. Its certificate is made in certs.
func newNode(t testing.TB, net *network, dir, certs, name string) *node {
	t.Helper()
	n := &node{host: net.host(name), name: name}
	data := filepath.Join(dir, name)
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(server.Binary(t), "cluster", "certs", "--dir", certs, name).CombinedOutput(); err != nil {
		t.Fatalf("certificates: %v: %s", err, out)
	}
	n.peering = map[string]string{
		"NODE": name, "PEER_PORT": n.peer(), "PEER_CERT": filepath.Join(certs, name+".pem"),
		"PEER_KEY": filepath.Join(certs, name+"-key.pem"), "PEER_CA": filepath.Join(certs, "ca.pem"),
	}
	n.Server = server.New(t, data, n.peering)
	n.Configure(map[string]string{"SEGMENT": "16MiB"})
	n.Prefix = []string{"ip", "netns", "exec", n.space}
	return n
}

// peer is where other nodes reach it.
func (n *node) peer() string { return net.JoinHostPort(n.address, peerPort) }

// dial connects a client.
func (n *node) dial(ctx context.Context) (net.Conn, error) { return n.host.dial(ctx, n.Addr) }

// start starts it; it is a member when it serves.
func (n *node) start() error {
	if err := n.TryStart(); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	n.up.Store(true)
	return nil
}

// kill kills it. The error is that of one that had ended by itself.
func (n *node) kill() error {
	n.up.Store(false)
	if err := n.Alive(); err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	n.Kill()
	return nil
}

// stop stops it in order.
func (n *node) stop() error {
	n.up.Store(false)
	if err := n.TryStop(); err != nil {
		return fmt.Errorf("an ordered stop of node %s: %w", n.name, err)
	}
	return nil
}

// signal sends one to the process.
func (n *node) signal(s syscall.Signal) error { return syscall.Kill(n.PID(), s) }

// command runs the binary as a command in the node's place, with its environment.
func (n *node) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append(append(n.Prefix[1:len(n.Prefix):len(n.Prefix)], os.Getenv("RINGLOG_BIN")), args...)
	cmd := exec.CommandContext(ctx, n.Prefix[0], all...)
	cmd.Env = append(append(os.Environ(), n.Env()...), "RINGLOG_ADDR="+n.Addr)
	cmd.Dir = n.Dir
	return cmd
}

// admin runs `ringlog cluster` and returns its standard output.
func (n *node) admin(ctx context.Context, args ...string) ([]byte, error) {
	cmd := n.command(ctx, append([]string{"cluster"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("ringlog cluster %s, at %s: %w: %s", strings.Join(args, " "), n.name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, err
}

// status is how the cluster looks from there.
func (n *node) status(ctx context.Context) (st cluster.Status, err error) {
	out, err := n.admin(ctx, "status", "--json")
	if err == nil {
		err = json.Unmarshal(out, &st)
	}
	return st, err
}

// lose deletes its data.
func (n *node) lose() error {
	return errors.Join(os.RemoveAll(filepath.Join(n.Dir, "blobs")), os.RemoveAll(filepath.Join(n.Dir, "db")))
}
