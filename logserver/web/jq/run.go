package jq

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Ended is what an exit code says about the end of a process that ran Main.
type Ended int

// The ends. Any other exit code is that of a process that was killed or broke.
const (
	Done      Ended = 0
	BadFilter Ended = 64 // the program is none; what is wrong with it is on standard error
	TooLong   Ended = 70
	TooMuch   Ended = 71 // output
	TooLarge  Ended = 72 // memory
	Broken    Ended = 73 // it could not read or write
)

// Ready is the first line that Main writes: the program is one.
const Ready = "ready\n"

// Main is the process: it reads lines from in until its end, writes what becomes of them
// to out, and returns the exit code. A program that does not come back ends the process.
func Main(program string, l Limits, in io.Reader, out, said io.Writer) Ended {
	lowerPriority()
	debug.SetMaxStack(64 << 20)
	p, err := Compile(program, l)
	if err != nil {
		fmt.Fprint(said, err)
		return BadFilter
	}
	done := make(chan struct{})
	defer close(done)
	go p.watch(done)
	if _, err := io.WriteString(out, Ready); err != nil {
		return Broken
	}
	return p.run(in, out)
}

func (p *Program) run(in io.Reader, out io.Writer) Ended {
	from, to := bufio.NewReaderSize(in, 128<<10), bufio.NewWriterSize(out, 64<<10)
	for {
		line, err := from.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return flushed(to, Done)
		} else if err != nil {
			return Broken
		}
		text, wrong := p.Line(line)
		if _, err := to.Write(text); err != nil {
			return Broken
		}
		switch {
		case errors.Is(wrong, errTime):
			return flushed(to, TooLong)
		case wrong != nil:
			return flushed(to, TooMuch)
		case from.Buffered() == 0 && to.Flush() != nil:
			return Broken
		}
	}
}

// flushed is end, if all could be written.
func flushed(to *bufio.Writer, end Ended) Ended {
	if to.Flush() != nil {
		return Broken
	}
	return end
}

// watch ends a turn that takes too long, and the process where that does not help, as in a
// built-in that looks at no deadline, or when its heap gets too large.
func (p *Program) watch(done <-chan struct{}) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-done:
			return
		}
		if metrics.Read(heap); heap[0].Value.Uint64()+heap[1].Value.Uint64() > p.limits.Memory {
			os.Exit(int(TooLarge))
		}
		t := p.running.Load()
		if t == nil {
			continue
		}
		switch spent := processorTime() - t.began; {
		case spent > 2*p.limits.Time:
			os.Exit(int(TooLong))
		case spent > p.limits.Time:
			t.cancel()
		}
	}
}
