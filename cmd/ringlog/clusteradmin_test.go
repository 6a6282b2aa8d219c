package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// startNode starts a node in memory, in plain text, and returns its peer port.
func startNode(t *testing.T, name string, peers ...string) string {
	t.Helper()
	_, address := openNode(t, name, peers...)
	return address
}

func openNode(t *testing.T, name string, peers ...string) (*cluster.Node, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n, err := cluster.Open(cluster.Options{
		Log: logserver.Options{Files: fs.Memory()}, Listener: l, Name: name, Peers: peers,
		Retry: 20 * time.Millisecond, Housekeeping: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() })
	return n, l.Addr().String()
}

// Commands that read end without a quorum, after the entries that are there, and say why.
func TestCommandsWithoutAQuorum(t *testing.T) {
	first, a := openNode(t, "a")
	b, _ := openNode(t, "b", a)
	c, _ := openNode(t, "c", a)
	s := logserver.NewServer(c.Log(), logserver.ServerOptions{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(context.Background()); <-served })
	for _, node := range []*cluster.Node{b, c} {
		waitFor(t, func() bool { return node.Status().Voters == 3 && node.Status().Serving })
	}
	address := l.Addr().String()
	run := func(in string, args ...string) (out, stderr string, code int) {
		t.Helper()
		said := &bytes.Buffer{}
		cmd, stdin, stdout := startCommandAt(t, address, said, args...)
		_, _ = stdin.Write([]byte(in))
		_ = stdin.Close()
		text, _ := io.ReadAll(stdout)
		_ = cmd.Wait()
		return string(text), said.String(), cmd.ProcessState.ExitCode()
	}
	if _, stderr, code := run("[1]\n[2]\n", "append"); code != 0 {
		t.Fatal(stderr)
	}
	waitFor(t, func() bool { return c.Log().HeadOf("main") == 2 })
	_ = first.Close()
	_ = b.Close()
	for _, args := range []string{"head", "logs", "read", "export"} {
		out, stderr, code := run("", args)
		if code != exitConnect || !strings.Contains(stderr, "no quorum") || !strings.Contains(stderr, "ringlog cluster status") || strings.Contains(stderr, "reconnecting") {
			t.Errorf("%s: exit %d, %s", args, code, stderr)
		}
		if want := map[string]string{"read": "[1]\n[2]\n", "export": "[1]\n[2]\n"}[args]; out != want {
			t.Errorf("%s: %q", args, out)
		}
	}
}

func waitFor(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

// runAdmin runs `ringlog cluster args --peer address`, and returns what it prints.
func runAdmin(address string, args ...string) (string, error) {
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetArgs(append(append([]string{"cluster"}, args...), "--peer", address))
	err := root.Execute()
	return out.String(), err
}

// said runs a command of `ringlog cluster` until it prints all parts.
func said(t *testing.T, address, command string, parts ...string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		out, err := runAdmin(address, strings.Fields(command)...)
		missing := ""
		for _, part := range parts {
			if !strings.Contains(out, part) {
				missing = part
			}
		}
		if err == nil && missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: no %q in %s (%v)", command, missing, out, err)
		}
	}
}

func refused(t *testing.T, address, command, want string) {
	t.Helper()
	out, err := runAdmin(address, strings.Fields(command)...)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %q, %v; want %q", command, out, err, want)
	}
}

// An operator's session with one node, then three, then two.
func TestClusterCommands(t *testing.T) {
	a := startNode(t, "a")
	said(t, a, "status", "replicas 3, other-zones 0, other-regions 0, commit quorum", "1 member; until more join",
		"tolerates 0 failures", "with three voting nodes one may fail")
	said(t, a, "status --json", `"settings":{"replicas":3,"other_zones":0,"other_regions":0,"commit":"quorum"},"voters":1,"tolerates":0`)
	said(t, a, "set replicas 5", "replicas is 5 now", "not as many members as replicas yet: 1 member")
	said(t, a, "set other-zones 2", "other-zones 2 can't be had yet: the members are in 1 zone")
	refused(t, a, "set replicas 2", "of 2 replicas, 2 can't be in other zones")
	refused(t, a, "set replicas 8", "replicas must be from 1 to 7, not 8")
	refused(t, a, "set commit most", "commit is one, quorum or all")
	refused(t, a, "set colour red", "there are replicas, other-zones, other-regions, commit")
	refused(t, a, "set replicas", "want: ringlog cluster set replicas|other-zones|other-regions|commit VALUE")
	said(t, a, "set other-zones 0")
	said(t, a, "set replicas 3")
	b := startNode(t, "b", a)
	c := startNode(t, "c", a)
	for _, node := range []string{a, b, c} {
		said(t, node, "status", "joined", "tolerates 1 failure", "this node")
		said(t, node, "owner value", "this node", "up")
	}
	said(t, c, "leave", "stop the node now", "of those who stay 1 votes", "tolerates 0 failures: one can stop appends")
	said(t, a, "status", "tolerates 0 failures: one can stop appends")
}
