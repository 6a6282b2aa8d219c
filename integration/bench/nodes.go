//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ringlog/ringlog/integration/bench/system"
)

// huge is the size of entries of which nodes send far more than of what orders them.
const huge = 64 << 10

// nodeColumns are those for several nodes: clients at the leader, at a follower if there is one of them, else spread.
func nodeColumns() []column {
	var all []column
	for _, shape := range [][2]int{{1, 1}, {64, 1}, {8, 256}} {
		for _, spread := range []bool{false, true} {
			all = append(all, nodeColumn(shape[0], shape[1], small, spread))
		}
	}
	return append(all, nodeColumn(8, 64, large, true), nodeColumn(8, 8, huge, true))
}

func nodeColumn(conns, window, size int, spread bool) column {
	at := "leader"
	switch {
	case spread && conns == 1:
		at = "follower"
	case spread:
		at = "spread"
	}
	return column{
		name: fmt.Sprintf("append-%dx%d-%d-%s", conns, window, size, at),
		nodes: func(b *bench, c *system.Cluster) ([]sample, error) {
			return b.appendToNodes(c, conns, window, size, at)
		},
	}
}

// onceWithNodes runs one column with one system, on fresh nodes.
func (b *bench) onceWithNodes(c column, s *system.System) (samples []sample, err error) {
	nodes, err := system.NewCluster(s, b.nodes, b.dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, nodes.Close()) }()
	if err := nodes.Start(); err != nil {
		return nil, err
	}
	return c.nodes(b, nodes)
}

func (b *bench) appendToNodes(c *system.Cluster, conns, window, size int, at string) ([]sample, error) {
	leader, err := c.Leader()
	if err != nil {
		return nil, err
	}
	nodes := c.From(leader)
	switch at {
	case "leader":
		nodes = nodes[:1]
	case "follower":
		nodes = nodes[1:2]
	}
	var spent time.Duration
	var sent uint64
	r, err := b.appendTo(nodes, conns, window, size, func() error {
		now, err := c.Sent(leader)
		spent, sent = c.CPU()-spent, now-sent
		return err
	})
	if err != nil {
		return nil, err
	}
	if still, err := c.Leader(); err != nil || still != leader {
		return nil, errors.Join(errMoved, err)
	}
	name := fmt.Sprintf("%d×%d, %s, %s: ", conns, window, nodeSizeName(size), at)
	samples := append(r.samples(name), sample{name + "CPU a million", cpu, spent.Seconds() / float64(r.answered) * 1e6})
	if at == "spread" {
		samples = append(samples, sample{name + "bytes the leader sends a byte", times, float64(sent) / float64(r.answered) / float64(size)})
	}
	return samples, nil
}

var errMoved = errors.New("another node leads now")

func nodeSizeName(size int) string {
	if size == huge {
		return "64 KiB"
	}
	return sizeName(size)
}

// What encloses the section of nodes in the report's file.
const (
	sectionBegin = "<!-- nodes: written by make bench-cluster -->\n"
	sectionEnd   = "<!-- /nodes -->\n"
)

// reportNodes prints what came out, and puts it into its section of the file.
func (b *bench) reportNodes(began time.Time) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# Clusters of %d nodes\n\nWritten by `%s` in integration, %s, in %v. Every node and the client run on this one machine. Ringlog's nodes\n"+
		"speak TLS with one another, JetStream's don't; both have every append flushed by a majority before they answer\n"+
		"(`sync_interval: always`, a stream with %d replicas).\n\n", b.nodes,
		"go run ./bench "+strings.Join(os.Args[1:], " "), began.UTC().Format("2006-01-02 15:04 MST"), time.Since(began).Round(time.Second), b.nodes)
	b.conditions(&text)
	b.figures(&text)
	section := strings.ReplaceAll(text.String(), "\n## ", "\n## Clusters: ")
	fmt.Print(section)
	if b.out == "" {
		return nil
	}
	before, err := os.ReadFile(b.out)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(b.out, []byte(replaceSection(string(before), section)), 0o644)
}

// replaceSection puts the section in the place of the one that was there, or at the end.
func replaceSection(text, section string) string {
	section = sectionBegin + section + sectionEnd
	head, rest, found := strings.Cut(text, sectionBegin)
	if !found {
		return text + "\n" + section
	}
	_, tail, _ := strings.Cut(rest, sectionEnd)
	return head + section + tail
}
