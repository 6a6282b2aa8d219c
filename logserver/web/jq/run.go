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
	l = l.withDefaults()
	lowerPriority()
	debug.SetMaxStack(64 << 20)
	go watchMemory(l.Memory)
	p, err := Compile(program, l)
	if err != nil {
		fmt.Fprint(said, err)
		return BadFilter
	}
	if _, err := io.WriteString(out, Ready); err != nil {
		return Broken
	}
	return p.run(in, out)
}

func (p *Program) run(in io.Reader, out io.Writer) Ended {
	from, to := bufio.NewReaderSize(in, 128<<10), bufio.NewWriterSize(out, 64<<10)
	// Built-ins look at no deadline; what is long past it is ended with the process.
	late := time.AfterFunc(time.Hour, func() { os.Exit(int(TooLong)) })
	defer late.Stop()
	for {
		late.Stop()
		line, err := from.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if to.Flush() != nil {
				return Broken
			}
			return Done
		} else if err != nil {
			return Broken
		}
		late.Reset(p.limits.Time + p.limits.Time/2)
		text, wrong := p.Line(line)
		late.Stop()
		if _, err := to.Write(text); err != nil {
			return Broken
		}
		if wrong != nil || from.Buffered() == 0 {
			if to.Flush() != nil {
				return Broken
			}
		}
		switch {
		case errors.Is(wrong, errTime):
			return TooLong
		case wrong != nil:
			return TooMuch
		}
	}
}

// watchMemory ends the process when its heap gets too large.
func watchMemory(limit uint64) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	for range time.Tick(5 * time.Millisecond) {
		if metrics.Read(heap); heap[0].Value.Uint64()+heap[1].Value.Uint64() > limit {
			os.Exit(int(TooLarge))
		}
	}
}
