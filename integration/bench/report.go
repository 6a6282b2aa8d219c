//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/ringlog/ringlog/integration/bench/system"
)

// report is the whole result as Markdown.
func (b *bench) report(began time.Time) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Benchmarks\n\nWritten by `%s` in integration, %s, in %v.\n\n",
		"go run ./bench "+strings.Join(os.Args[1:], " "), began.UTC().Format("2006-01-02 15:04 MST"), time.Since(began).Round(time.Second))
	b.conditions(&text)
	b.figures(&text)
	return text.String()
}

// figures are the tables: figures, ratios, what failed.
func (b *bench) figures(text *strings.Builder) {
	fmt.Fprintf(text, "\n## Figures\n\nMedian of %d rounds (least–most). **Flushed** systems have every append on the disk before they answer;\n"+
		"the others may lose what they have confirmed.\n\n", b.rounds)
	b.table(text, func(r *row, s *system.System) string {
		sum, ok := summarize(r.values[s])
		if !ok {
			return "—"
		}
		return fmt.Sprintf("%s (%s–%s)", r.unit.format(sum.median), r.unit.format(sum.least), r.unit.format(sum.most))
	}, b.results.systems)
	if base := b.results.systems[0]; len(b.results.systems) > 1 {
		fmt.Fprintf(text, "\n## Ratios\n\n%s divided by each other system, round by round: median (least–most). Times, bytes and CPU: less is better.\n\n", base.Name)
		b.table(text, func(r *row, s *system.System) string {
			sum, ok := summarize(ratios(r.values[base], r.values[s]))
			if !ok {
				return "—"
			}
			return fmt.Sprintf("%.2f (%.2f–%.2f)", sum.median, sum.least, sum.most)
		}, b.results.systems[1:])
	}
	if len(b.results.failed) > 0 {
		fmt.Fprintf(text, "\n## Failed runs\n\n- %s\n", strings.Join(b.results.failed, "\n- "))
	}
}

func (b *bench) table(text *strings.Builder, cell func(*row, *system.System) string, systems []*system.System) {
	fmt.Fprint(text, "| ")
	for _, s := range systems {
		durable := "not flushed"
		if s.Flushed {
			durable = "**flushed**"
		}
		fmt.Fprintf(text, "| %s, %s ", s.Name, durable)
	}
	fmt.Fprintf(text, "|\n|---%s|\n", strings.Repeat("|---", len(systems)))
	for _, r := range b.results.rows {
		fmt.Fprintf(text, "| %s ", r.metric)
		for _, s := range systems {
			fmt.Fprintf(text, "| %s ", cell(r, s))
		}
		fmt.Fprint(text, "|\n")
	}
}

// conditions says on what and how it was measured.
func (b *bench) conditions(text *strings.Builder) {
	kernel, _ := exec.Command("uname", "-sr").Output()
	filesystem, _ := exec.Command("findmnt", "-no", "SOURCE,FSTYPE,OPTIONS", "--target", b.dir).Output()
	fmt.Fprintf(text, "- machine: %d × %s, %s; data on %s\n", runtime.NumCPU(), field("/proc/cpuinfo", "model name"),
		strings.TrimSpace(string(kernel)), strings.TrimSpace(string(filesystem)))
	fmt.Fprintf(text, "- memory: %s; client built by %s; client and server share the machine\n", field("/proc/meminfo", "MemTotal"), runtime.Version())
	for _, s := range b.results.systems {
		fmt.Fprintf(text, "- %s: %s\n", s.Name, s.Version())
	}
	fmt.Fprintf(text, "- each run: fresh server and directory, %v warming up, %v measured, rounds interleaved; %d entries of 200 B read, a tenth of it of 2 KiB\n",
		b.warming(), b.measured(), b.entries)
}

// field is what follows "name:" in a file of /proc.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
