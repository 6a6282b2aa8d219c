package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
)

// progress tells on a terminal how far something has come, and how fast; elsewhere nothing.
type progress struct {
	out   io.Writer // nil: not a terminal
	what  string
	total int64
	done  uint64
	began time.Time
	told  time.Time
}

const tellEvery = 200 * time.Millisecond

func newProgress(out *os.File, what string, total int64) *progress {
	p := &progress{what: what, total: max(total, 1)}
	if isatty.IsTerminal(out.Fd()) {
		p.out = out
	}
	p.restart(what)
	return p
}

func (p *progress) restart(what string) {
	p.what, p.done, p.began = what, 0, time.Now()
}

// add notes that so many bytes more are done.
func (p *progress) add(n uint64) {
	p.done += n
	if p.out == nil {
		return
	}
	now := time.Now()
	if now.Sub(p.told) < tellEvery {
		return
	}
	p.told = now
	fmt.Fprintf(p.out, "\r%s: %s\x1b[K", p.what, p.text(now))
}

func (p *progress) text(now time.Time) string {
	rate := float64(p.done) / 1e6 / max(now.Sub(p.began).Seconds(), 1e-9)
	return fmt.Sprintf("%d %%, %.0f MB/s", min(100, p.done*100/uint64(p.total)), rate)
}

// end clears the line.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
