//go:build linux

package system

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ringlog/ringlog/integration/bench/wire"
)

// System is a server with one configuration.
type System struct {
	Name    string
	Flushed bool // an append is on the disk before it is answered
	Dialect wire.Dialect
	// Loading is the same server, configured to take in fast what is to be read later; nil: this one.
	Loading *System
	// Uncounted: its protocol has no head to compare with.
	Uncounted bool
	// Numbers: it differs from another system in how it is appended to, and in nothing else.
	Numbers bool

	chatty  bool // what it logs on standard output is thrown away
	command func(dir string, port int) (command, error)
	version func() string
	cluster *clustered // nil: it is one server
}

// Version is what the server calls itself.
func (s *System) Version() string { return s.version() }

// command is how a process is started.
type command struct {
	name string
	args []string
	env  []string
}

// ErrUnknown says that there is no system of a name.
var ErrUnknown = errors.New("unknown system")

// Names are those of the systems there are; ringlog's may be followed by =BINARY.
const Names = "ringlog,ringlog+numbers,redis-always,redis,nats-always,nats,tcp-log-server"

// Select finds systems by their names, divided by commas. root is the top of the repository; binary,
// what ringlog is when nothing else is said. NAME=BINARY is a ringlog too, to compare two builds.
func Select(names, root, binary string) ([]*System, error) {
	var selected []*System
	for name := range strings.SplitSeq(names, ",") {
		name, own, isOwn := strings.Cut(strings.TrimSpace(name), "=")
		if !isOwn {
			own = binary
		}
		s, err := find(name, root, own)
		if errors.Is(err, ErrUnknown) && isOwn {
			s, err = newRinglog(name, own, false), nil
		}
		if err != nil {
			return nil, err
		}
		selected = append(selected, s)
	}
	return selected, nil
}

func find(name, root, ringlog string) (*System, error) {
	switch name {
	case "ringlog":
		return newRinglog(name, ringlog, false), nil
	case "ringlog+numbers":
		return newRinglog(name, ringlog, true), nil
	case "redis-always":
		return newRedis(name, "always"), nil
	case "redis":
		return newRedis(name, "everysec"), nil
	case "nats-always":
		return newNATS(name, root, "always"), nil
	case "nats":
		return newNATS(name, root, "2m"), nil
	case "tcp-log-server":
		return newTCPLogServer(name, root), nil
	}
	return nil, fmt.Errorf("%w %q: there are %s", ErrUnknown, name, Names)
}
