//go:build linux

package system

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/ringlog/ringlog/integration/bench/load"
)

// patience is how long a start or a stop may take.
const patience = 60 * time.Second

// Process is a server that may be stopped and started again with the same data. Its methods are for one
// goroutine.
type Process struct {
	System  *System
	Dir     string
	Address netip.AddrPort

	cmd   *exec.Cmd
	ended chan error
}

// New prepares a process with an empty directory under parent.
func New(s *System, parent string) (*Process, error) {
	dir, err := os.MkdirTemp(parent, s.Name+"-")
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	return &Process{System: s, Dir: dir, Address: address}, err
}

func freeAddress() (netip.AddrPort, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer listener.Close()
	return netip.ParseAddrPort(listener.Addr().String())
}

// Start starts the process and returns how long it took until it answered a request for the head.
func (p *Process) Start() (time.Duration, error) {
	began := time.Now()
	if err := p.launch(); err != nil {
		return 0, err
	}
	return p.serving(began)
}

// launch starts the process.
func (p *Process) launch() error {
	c, err := p.System.command(p.Dir, int(p.Address.Port()))
	if err != nil {
		return err
	}
	output, err := os.Create(p.outputFile())
	if err != nil {
		return err
	}
	defer output.Close()
	p.cmd = exec.Command(c.name, c.args...)
	p.cmd.Dir = p.Dir
	p.cmd.Env = append(os.Environ(), c.env...)
	if p.cmd.Stderr = output; !p.System.chatty {
		p.cmd.Stdout = output
	}
	// The server ends with the benchmark, however that ends.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.cmd = nil
		return err
	}
	p.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(p.cmd, p.ended)
	return nil
}

func (p *Process) serving(began time.Time) (time.Duration, error) {
	for time.Since(began) < patience {
		if _, err := p.Head(); err == nil {
			return time.Since(began), nil
		}
		select {
		case err := <-p.ended:
			p.cmd = nil
			said, _ := os.ReadFile(p.outputFile())
			return 0, fmt.Errorf("%s did not start: %w: %s", p.System.Name, err, bytes.TrimSpace(said))
		case <-time.After(500 * time.Microsecond):
		}
	}
	return 0, fmt.Errorf("%s does not answer after %v", p.System.Name, patience)
}

// Connect opens a connection and says hello.
func (p *Process) Connect() (*load.Socket, error) {
	s, err := load.Dial(p.Address)
	if err != nil {
		return nil, err
	}
	if err := p.System.Dialect.Open(s); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Head asks how many entries there are.
func (p *Process) Head() (uint64, error) {
	s, err := p.Connect()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	return p.System.Dialect.Head(s)
}

// Found makes the log, after the first start.
func (p *Process) Found() error {
	s, err := p.Connect()
	if err != nil {
		return err
	}
	defer s.Close()
	return p.System.Dialect.Found(s)
}

// errHung says that a process did not end in time.
var errHung = errors.New("did not end in time")

// Stop asks the process to stop in order and waits for its end; Kill does not ask.
func (p *Process) Stop() error { return p.end(syscall.SIGTERM) }

// Kill ends the process with KILL.
func (p *Process) Kill() error { return p.end(syscall.SIGKILL) }

func (p *Process) end(signal syscall.Signal) error {
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-p.ended: //nolint:errcheck // its exit code is its own affair
		p.cmd = nil
		return nil
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		return fmt.Errorf("%s: %w", p.System.Name, errHung)
	}
}

// outputFile is where what the process prints goes: not among its data.
func (p *Process) outputFile() string { return p.Dir + ".out" }

// Close kills the process and removes its data.
func (p *Process) Close() error {
	return errors.Join(p.Kill(), os.RemoveAll(p.Dir), os.RemoveAll(p.outputFile()))
}

// output is the first line that a command prints.
func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
