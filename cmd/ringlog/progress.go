package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// progress tells on a terminal how far something has come, and how fast; elsewhere nothing.
type progress struct {
	unit  float64 // how many are one of rate
	rate  string
	total int64 // 0: unknown

	mu    sync.Mutex // guards the following
	out   io.Writer  // nil: not a terminal, or ended
	what  string
	done  uint64
	began time.Time
	told  time.Time
}

const (
	tellEvery = 200 * time.Millisecond
	barWidth  = 30
)

// newProgress is a progress that counts bytes.
func newProgress(out *os.File, what string, total int64) *progress {
	p := &progress{unit: 1e6, rate: "MB/s", total: max(total, 0)}
	if isTerminal(out) {
		p.out = out
	}
	p.restart(what)
	return p
}

// newCounter is a progress that counts entries.
func newCounter(out *os.File, what string, total uint64) *progress {
	p := newProgress(out, what, int64(total))
	p.unit, p.rate = 1, "entries/s"
	return p
}

func isTerminal(file *os.File) bool {
	return isatty.IsTerminal(file.Fd())
}

func (p *progress) restart(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what, p.done, p.began = what, 0, time.Now()
}

// add notes that so many more are done.
func (p *progress) add(n uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
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

// text is a bar, percent, rate, and how long it will yet take; or, if it is not known how much there
// is, how much is done, and the rate.
func (p *progress) text(now time.Time) string {
	took := max(now.Sub(p.began).Seconds(), 1e-9)
	rate := float64(p.done) / took
	speed := fmt.Sprintf("%.0f %s", rate/p.unit, p.rate)
	if p.total == 0 {
		return fmt.Sprintf("%.0f %s, %s", float64(p.done)/p.unit, strings.TrimSuffix(p.rate, "/s"), speed)
	}
	share := min(1, float64(p.done)/float64(p.total))
	full := int(share * barWidth)
	left := time.Duration(min(99*3600, float64(p.total-min(p.total, int64(p.done)))/max(rate, 1e-9)) * float64(time.Second))
	return fmt.Sprintf("[%s%s] %d %%, %s, %v left", strings.Repeat("#", full), strings.Repeat(".", barWidth-full),
		int(share*100), speed, left.Round(time.Second))
}

// end clears the line and tells no more.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil {
		fmt.Fprint(p.out, clearLine)
		p.out = nil
	}
}

const clearLine = "\r\x1b[K"

// besideProgress writes to what progress tells on, without leaving half of its line there.
type besideProgress struct {
	*progress
	to io.Writer
}

func (b besideProgress) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.out != nil {
		fmt.Fprint(b.out, clearLine)
		b.told = time.Time{}
	}
	return b.to.Write(text)
}
