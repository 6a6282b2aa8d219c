package web

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringlog/ringlog/logserver/web/jq"
	"github.com/ringlog/ringlog/protocol"
)

// process is another one that runs a program of jq over the lines of a read. It is a
// logserver.Receiver: what is written to it comes out filtered, at its Receiver.
type process struct {
	cmd    *exec.Cmd
	in     *os.File // its standard input
	said   bytes.Buffer
	copied chan error // how its output ended
	site   *Site
}

// startFilter starts a process with a program; what it writes is to be read from the Reader.
func (s *Site) startFilter(program string) (*process, *bufio.Reader, *failure) {
	if len(s.options.Filter) == 0 {
		return nil, nil, &failure{code: http.StatusNotImplemented, Error: "this server runs no jq", Remedy: "filter what you read by a jq of your own"}
	}
	if !utf8.ValidString(program) || strings.ContainsRune(program, 0) || len(program) > jq.MaxProgram {
		return nil, nil, badProgram(fmt.Sprintf("want at most %d bytes of UTF-8", jq.MaxProgram))
	}
	select {
	case s.filters <- struct{}{}:
	default:
		f := refused(protocol.ErrorOverloaded)
		f.Remedy = "as many reads with jq as there may be are under way: ask again in a while"
		return nil, nil, f
	}
	p := &process{site: s, copied: make(chan error, 1)}
	out, err := p.start(append(s.options.Filter[:len(s.options.Filter):len(s.options.Filter)], program))
	if err != nil {
		<-s.filters
		s.options.Logger.Error().Err(err).Msg("a process for jq can't be started")
		return nil, nil, refused(protocol.ErrorOverloaded)
	}
	from := bufio.NewReaderSize(out, 64<<10)
	if ready, err := from.ReadString('\n'); err != nil || ready != jq.Ready {
		f := p.end()
		if f == nil {
			f = refused(protocol.ErrorOverloaded)
		}
		return nil, nil, f
	}
	return p, from, nil
}

// start starts the process and returns its output.
func (p *process) start(command []string) (io.Reader, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.in = write
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Env = []string{"GOMAXPROCS=2"} // and nothing of the server's
	p.cmd.Dir = "/"
	p.cmd.Stdin = read
	p.cmd.Stderr = &limitedBuffer{&p.said, 4 << 10}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	_ = read.Close() // ours
	if err != nil {
		_ = write.Close()
		return nil, err
	}
	return out, nil
}

// Write gives the process lines; it takes them when it has come so far.
func (p *process) Write(lines []byte) (int, error) { return p.in.Write(lines) }

// SetWriteDeadline implements logserver.Receiver.
func (p *process) SetWriteDeadline(t time.Time) error { return p.in.SetWriteDeadline(t) }

// copyTo sends what comes out, and calls ended when that ends. A client that takes nothing
// for patience is not waited for: processes are few.
func (p *process) copyTo(to *sink, patience time.Duration, from *bufio.Reader, ended context.CancelFunc) {
	go func() {
		defer ended()
		_, err := from.WriteTo(&lines{to: &impatient{to, patience}})
		if err != nil {
			p.kill()
		}
		p.copied <- err
	}()
}

func (p *process) kill() { _ = p.cmd.Process.Kill() }

// impatient sets a deadline for each write.
type impatient struct {
	to       *sink
	patience time.Duration
}

func (i *impatient) Write(p []byte) (int, error) {
	_ = i.to.SetWriteDeadline(time.Now().Add(i.patience))
	return i.to.Write(p)
}

// finish lets the process come to the end of what it was given, and tells what was wrong
// with the program, and with sending what came out. It is called once.
func (p *process) finish() (f *failure, copied error) {
	_ = p.in.Close()
	copied = <-p.copied
	return p.end(), copied
}

// end waits for the end of the process, and tells what was wrong.
func (p *process) end() *failure {
	_ = p.in.Close()
	err := p.cmd.Wait()
	<-p.site.filters
	var exit *exec.ExitError
	if err == nil || !errors.As(err, &exit) {
		return nil
	}
	const remedy = "make the program do less for each entry; or read without jq, and run one of your own over it"
	f := &failure{code: http.StatusBadRequest, Remedy: remedy}
	switch jq.Ended(exit.ExitCode()) {
	case jq.BadFilter:
		return badProgram(p.said.String())
	case jq.TooLong:
		f.Error = "jq: the program takes too long for an entry"
	case jq.TooMuch:
		f.Error = "jq: the program makes too much of an entry"
	case jq.TooLarge:
		f.Error = "jq: the program takes too much memory"
	default:
		f.Error = "jq: the program could not be run to its end"
	}
	return f
}

func badProgram(reason string) *failure {
	return badRequest("invalid jq: "+strings.ToValidUTF8(reason, "\uFFFD"), `send a program of jq for one entry, with % for what is special: jq=select(.room%3D%3D"kitchen")`)
}

// limitedBuffer keeps the beginning of what is written to it.
type limitedBuffer struct {
	to   *bytes.Buffer
	left int
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	_, _ = l.to.Write(p[:n]) // never fails
	return len(p), nil
}
