//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringlog/ringlog/integration/bench/system"
)

// column is one run of each system, with one or more figures.
type column struct {
	name string
	run  func(b *bench, p *system.Process) ([]sample, error)
	// appends: how Ringlog is appended to matters.
	appends bool
	// nodes, in the place of run, is for several nodes that are one server.
	nodes func(b *bench, c *system.Cluster) ([]sample, error)
}

const (
	small = 200
	large = 2048
)

func allColumns() []column {
	var all []column
	for _, size := range []int{small, large} {
		for _, shape := range [][2]int{{1, 1}, {64, 1}, {1, 1024}, {8, 256}} {
			conns, window := shape[0], shape[1]
			all = append(all, column{
				name: fmt.Sprintf("append-%dx%d%s", conns, window, suffix(size)), appends: true,
				run: func(b *bench, p *system.Process) ([]sample, error) { return b.append(p, conns, window, size) },
			})
		}
	}
	for _, size := range []int{small, large} {
		all = append(all, column{name: "read" + suffix(size), run: func(b *bench, p *system.Process) ([]sample, error) {
			return b.read(p, size)
		}})
	}
	for _, n := range []int{100, 1000} {
		all = append(all, column{name: fmt.Sprintf("fanout-%d", n), run: func(b *bench, p *system.Process) ([]sample, error) {
			return b.deliveries(p, n)
		}}, column{name: fmt.Sprintf("latency-%d", n), run: func(b *bench, p *system.Process) ([]sample, error) {
			return b.latency(p, n)
		}})
	}
	return append(all, column{name: "mixed", run: (*bench).mixed}, column{name: "idle", run: (*bench).idleTails})
}

// suffix tells the columns of large entries apart.
func suffix(size int) string {
	if size == large {
		return "-2k"
	}
	return ""
}

func columnNames(all []column) []string {
	var names []string
	for _, c := range all {
		names = append(names, c.name)
	}
	return names
}

var errNoColumn = errors.New("there is no column")

// selectColumns finds columns by names or their beginnings; a whole name means that one alone.
func selectColumns(all []column, names string) ([]column, error) {
	if names == "" {
		return all, nil
	}
	var selected []column
	for name := range strings.SplitSeq(names, ",") {
		matches := func(c column) bool { return c.name == name }
		if !slices.ContainsFunc(all, matches) {
			matches = func(c column) bool { return strings.HasPrefix(c.name, name) }
		}
		found := false
		for _, c := range all {
			if matches(c) {
				selected, found = append(selected, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%w %q: there are %s", errNoColumn, name, strings.Join(columnNames(all), " "))
		}
	}
	return selected, nil
}
