package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/ringlog/ringlog/integration/proof"
)

// A network is hosts that a bridge joins, each in a network namespace of its own, and the bridge in one of
// its own, too. No namespace has a route elsewhere.
type network struct {
	t     testing.TB
	names []string // of the namespaces
	hub   string
	hosts int
	cuts  []func() error // what undoes the cuts there are
}

// A host is where a node runs.
type host struct {
	space   string // name of the namespace
	address string
}

// canNetwork says why this machine can't make networks; nil if it can.
func canNetwork() error {
	if os.Getuid() != 0 {
		return errors.New("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("iproute2 is missing (integration/scripts/install installs it): %w", err)
	}
	name := fmt.Sprintf("ringlog-%d-try", os.Getpid())
	if err := ip("netns", "add", name); err != nil {
		return err
	}
	return errors.Join(ip("-n", name, "link", "add", "bridge", "type", "bridge"), ip("netns", "del", name))
}

// needNetwork skips a test where networks can't be made.
func needNetwork(t testing.TB, p proof.Part) {
	t.Helper()
	if err := canNetwork(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		proof.Unproven(t, p, err.Error())
	}
}

var networks int // made so far, by this process

// newNetwork makes a network without hosts. All of it is gone when the test has ended.
func newNetwork(t testing.TB) *network {
	t.Helper()
	networks++
	n := &network{t: t}
	t.Cleanup(n.remove)
	n.hub = n.space("hub")
	n.must(ip("-n", n.hub, "link", "add", "bridge", "type", "bridge"))
	n.must(ip("-n", n.hub, "link", "set", "bridge", "up"))
	return n
}

// space makes a namespace whose name is this run's alone.
func (n *network) space(name string) string {
	n.t.Helper()
	space := fmt.Sprintf("ringlog-%d-%d-%s", os.Getpid(), networks, name)
	n.must(ip("netns", "add", space))
	n.names = append(n.names, space)
	n.must(ip("-n", space, "link", "set", "lo", "up"))
	return space
}

// host adds one.
func (n *network) host(name string) *host {
	n.t.Helper()
	n.hosts++
	h := &host{n.space(name), fmt.Sprintf("10.77.0.%d", n.hosts)}
	port := fmt.Sprintf("to%d", n.hosts)
	n.must(ip("link", "add", "eth0", "netns", h.space, "type", "veth", "peer", "name", port, "netns", n.hub))
	n.must(ip("-n", n.hub, "link", "set", port, "master", "bridge", "up"))
	n.must(ip("-n", h.space, "address", "add", h.address+"/24", "dev", "eth0"))
	n.must(ip("-n", h.space, "link", "set", "eth0", "up"))
	// What arrives is looked up among the host's own addresses first of all; deafen has to come before that.
	n.must(ip("-n", h.space, "rule", "add", "pref", "100", "lookup", "local"))
	n.must(ip("-n", h.space, "rule", "del", "pref", "0"))
	return h
}

// deafen has what one host sends to another get lost on arrival, without a word.
func (n *network) deafen(to, from *host) {
	rule := []string{"pref", "50", "from", from.address, "iif", "eth0", "blackhole"}
	n.must(ip(append([]string{"-n", to.space, "rule", "add"}, rule...)...))
	n.cuts = append(n.cuts, func() error { return ip(append([]string{"-n", to.space, "rule", "del"}, rule...)...) })
}

// silence gives a host no way to send to another; who sends is told so, if he listens.
func (n *network) silence(from, to *host) {
	route := []string{"blackhole", to.address + "/32"}
	n.must(ip(append([]string{"-n", from.space, "route", "add"}, route...)...))
	n.cuts = append(n.cuts, func() error { return ip(append([]string{"-n", from.space, "route", "del"}, route...)...) })
}

// heal undoes all cuts.
func (n *network) heal() {
	for _, undo := range n.cuts {
		n.must(undo())
	}
	n.cuts = nil
}

// remove removes everything; whoever ran in it has ended.
func (n *network) remove() {
	for _, name := range n.names {
		if err := ip("netns", "del", name); err != nil {
			n.t.Error(err)
		}
	}
}

func (n *network) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func ip(args ...string) error {
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %v: %w: %s", args, err, out)
	}
	return nil
}
