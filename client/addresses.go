package client

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
)

// maxMembers is how many addresses of members are taken from a server.
const maxMembers = 1000

// addresses are those of the servers that hold the logs. All that connects
// shares them.
type addresses struct {
	given []string // by the program

	mu      sync.Mutex // guards the following
	told    []string   // the members that a server told of last
	all     []string   // the given ones, then the others told of, each once
	current string     // tried first: where a connection was of use last
}

func newAddresses(given []string) (*addresses, error) {
	var all []string
	for _, addr := range given {
		if err := checkAddress(addr); err != nil {
			return nil, fmt.Errorf("address: %w: %w", err, ErrInvalid)
		}
		if !slices.Contains(all, addr) {
			all = append(all, addr)
		}
	}
	return &addresses{given: all, all: slices.Clone(all), current: all[0]}, nil
}

// checkAddress tells what keeps a text from being "host:port".
func checkAddress(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil && port == "" {
		err = &net.AddrError{Err: "missing port in address", Addr: addr}
	}
	return err
}

// learn takes in the members that a server tells of. Those that can't be
// connected to are left out: a name or IP and a port are wanted.
func (a *addresses) learn(members []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(members) == 0 || len(members) > maxMembers || slices.Equal(members, a.told) {
		return
	}
	a.told = slices.Clone(members)
	others := slices.DeleteFunc(slices.Clone(members), func(m string) bool {
		return !connectable(m) || slices.Contains(a.given, m)
	})
	slices.Sort(others)
	others = slices.Compact(others)
	// Not all clients are to go on at the same one.
	rand.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	a.all = slices.Concat(a.given, others)
	if !slices.Contains(a.all, a.current) {
		a.current = a.all[0]
	}
}

func connectable(member string) bool {
	host, port, err := net.SplitHostPort(member)
	if err != nil || host == "" {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// next returns the first address from the current one on that is not among
// those tried; false if all are.
func (a *addresses) next(tried map[string]bool) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from := max(0, slices.Index(a.all, a.current))
	for i := range a.all {
		if addr := a.all[(from+i)%len(a.all)]; !tried[addr] {
			return addr, true
		}
	}
	return a.current, false
}

// works makes an address the current one.
func (a *addresses) works(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Contains(a.all, addr) {
		a.current = addr
	}
}

// fails makes the address behind the current one the current one, if that is
// what failed.
func (a *addresses) fails(addr string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at := slices.Index(a.all, addr); at >= 0 && addr == a.current {
		a.current = a.all[(at+1)%len(a.all)]
	}
}

func (a *addresses) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.all)
}

// Address returns the address that the next connection is tried at first: that
// of the server which answered last, or the one behind it if it has failed
// since.
func (c *Client) Address() string {
	c.addresses.mu.Lock()
	defer c.addresses.mu.Unlock()
	return c.addresses.current
}

// Addresses returns the addresses known: those given to New and, behind them,
// the members of the cluster that a server told of last. Kept, they are what a
// later New can be given.
func (c *Client) Addresses() []string {
	c.addresses.mu.Lock()
	defer c.addresses.mu.Unlock()
	return slices.Clone(c.addresses.all)
}
