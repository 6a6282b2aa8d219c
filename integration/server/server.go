package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long one step may take before a test calls it hanging.
const Patience = 60 * time.Second

// Binary is the ringlog under test: RINGLOG_BIN, which make sets.
func Binary(t testing.TB) string {
	t.Helper()
	binary := os.Getenv("RINGLOG_BIN")
	if binary == "" {
		t.Fatal("RINGLOG_BIN is not set: run `make integration`, or set it to the binary")
	}
	absolute, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// Server is a process that can be started again after it ended, at the same address and with the
// same data. Its methods are for one goroutine, Addr for any.
type Server struct {
	Dir  string // of its data
	Addr string // fixed before the first start
	// Prefix is a command that runs the binary, whose path follows: with limits, or traced. Its process
	// must become the binary's.
	Prefix []string

	Bin  string          // another binary than the one under test, if set before a start
	Wrap func(*exec.Cmd) // may change how the process is started, to watch it, say

	t      testing.TB
	env    map[string]string
	cmd    *exec.Cmd
	stderr bytes.Buffer
	exited chan error
}

// New prepares a server with its data in dir, configured by env besides what it needs. The process
// is killed when the test ends.
func New(t testing.TB, dir string, env map[string]string) *Server {
	t.Helper()
	s := &Server{Dir: dir, Addr: FreeAddress(t), t: t, env: map[string]string{}}
	_, port, _ := net.SplitHostPort(s.Addr)
	maps.Copy(s.env, map[string]string{
		"PORT": port, "BLOBS": filepath.Join(dir, "blobs"), "DB": filepath.Join(dir, "db"),
	})
	maps.Copy(s.env, env)
	t.Cleanup(s.End)
	return s
}

// End kills the process if there is one.
func (s *Server) End() {
	if s.cmd != nil {
		s.Kill()
	}
}

// Configure sets variables, from the next start on.
func (s *Server) Configure(env map[string]string) { maps.Copy(s.env, env) }

// FreeAddress is one of this machine that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Start starts the process and returns how long it took until it served.
func (s *Server) Start() time.Duration {
	s.t.Helper()
	began := time.Now()
	if err := s.TryStart(); err != nil {
		s.t.Fatal(err)
	}
	return time.Since(began)
}

// TryStart starts the process and waits until it serves. When it ends instead the error is an
// *Exit.
func (s *Server) TryStart() error {
	s.t.Helper()
	select {
	case <-s.Launch():
		return nil
	case err := <-s.exited:
		s.exited <- err
		return s.Wait()
	case <-time.After(Patience):
		return fmt.Errorf("%w: it does not start: %s", ErrHangs, s.stderr.String())
	}
}

// Launch starts the process without waiting; the channel is closed when it serves.
func (s *Server) Launch() (serving <-chan struct{}) {
	s.t.Helper()
	s.stderr.Reset()
	binary := s.Bin
	if binary == "" {
		binary = Binary(s.t)
	}
	command := append(slices.Clone(s.Prefix), binary)
	s.cmd = exec.Command(command[0], command[1:]...)
	s.cmd.Dir = s.Dir
	s.cmd.Env = append(os.Environ(), s.Env()...)
	s.cmd.Stderr = &s.stderr
	if s.Wrap != nil {
		s.Wrap(s.cmd)
	}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.exited = make(chan error, 1)
	ready, logged := watch(stdout, filepath.Join(s.Dir, "log"))
	go func(cmd *exec.Cmd, exited chan<- error) {
		<-logged // all of standard output has to be read before Wait
		exited <- cmd.Wait()
	}(s.cmd, s.exited)
	return ready
}

// Env is the process's environment beside the test's own.
func (s *Server) Env() []string {
	var env []string
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return env
}

// watch copies a server's log to a file; serving is closed at the line that says so, logged at its end.
func watch(stdout io.Reader, file string) (serving, logged chan struct{}) {
	serving, logged = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(logged)
		out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			defer out.Close()
		}
		once := sync.OnceFunc(func() { close(serving) })
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadBytes('\n')
			if out != nil {
				_, _ = out.Write(line) // the log only helps whoever reads about a failure
			}
			var message struct{ Message string }
			if json.Unmarshal(line, &message) == nil && message.Message == "serving" {
				once()
			}
			if err != nil {
				return
			}
		}
	}()
	return serving, logged
}

// PID is the running process's.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Kill ends the process with KILL and waits for its end.
func (s *Server) Kill() {
	s.t.Helper()
	_ = s.cmd.Process.Kill() // it may have ended by itself
	if err := s.Wait(); errors.Is(err, ErrHangs) {
		s.t.Fatal(err)
	}
}

// Stop asks the process to stop in order; it must exit 0.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.TryStop(); err != nil {
		s.t.Fatalf("an ordered stop: %v", err)
	}
}

// TryStop asks the process to stop in order and waits for its end.
func (s *Server) TryStop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return errors.Join(err, s.Wait())
	}
	return s.Wait()
}

// Run runs the binary as a command against this server or its data and returns its standard output.
// It must exit 0.
func (s *Server) Run(args ...string) []byte {
	s.t.Helper()
	cmd := exec.Command(Binary(s.t), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(append(os.Environ(), s.Env()...), "RINGLOG_ADDR="+s.Addr)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("ringlog %s: %v: %s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

// Dir makes a directory for a server's data that is kept, and named, when the test fails.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ringlog-"+strings.ReplaceAll(strings.ToLower(t.Name()), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(dir); err == nil && t.Failed() {
			t.Logf("the data is kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}
