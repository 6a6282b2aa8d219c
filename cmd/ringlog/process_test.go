package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a server started by a test of signals and standard output, which scripts can't reach.
type process struct {
	t       *testing.T
	cmd     *exec.Cmd
	log     *bufio.Reader
	stdout  io.Closer
	stderr  *bytes.Buffer // once it has ended
	address string
}

func startProcess(t *testing.T, env ...string) *process {
	t.Helper()
	binary, err := exec.LookPath("ringlog") // testscript.Main put it there
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "PORT=0", "BLOBS="+filepath.Join(cmd.Dir, "blobs"), "GORACE=atexit_sleep_ms=0")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout = writer
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	p := &process{t: t, cmd: cmd, log: bufio.NewReader(reader), stdout: reader, stderr: stderr}
	t.Cleanup(func() {
		reader.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	for p.address == "" {
		line, err := p.log.ReadBytes('\n')
		if err != nil {
			t.Fatalf("it does not serve: %v", err)
		}
		var said struct{ Message, Address string }
		if json.Unmarshal(line, &said); said.Message == "serving" {
			p.address = said.Address
		}
	}
	return p
}

func (p *process) dial() net.Conn {
	p.t.Helper()
	conn, err := net.DialTimeout("tcp", p.address, patience)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// append appends n entries of size bytes and waits for the answers.
func (p *process) append(n, size int) {
	p.t.Helper()
	conn := p.dial()
	answers := bufio.NewScanner(conn)
	for i := range n {
		fmt.Fprintf(conn, "{\"id\":\"a\",\"entry\":[\"%s\"]}\n", bytes.Repeat([]byte("x"), size))
		if !answers.Scan() || !strings.HasPrefix(answers.Text(), `{"id":"a","index":`) {
			p.t.Fatalf("append %d: %q %v", i, answers.Text(), answers.Err())
		}
	}
}

// exit waits for the end of the process and returns its code.
func (p *process) exit() int {
	p.t.Helper()
	guard := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer guard.Stop()
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

// owing makes a client that was promised more than it takes.
func (p *process) owing() {
	p.t.Helper()
	p.append(40, 500_000)
	conn := p.dial()
	fmt.Fprintln(conn, `{"from":1}`)
	conn.Read(make([]byte, 1))
}

func TestAnEndedReaderOfTheLogDoesNotEndTheServer(t *testing.T) {
	p := startProcess(t, "LOG_LEVEL=debug")
	p.stdout.Close()
	for range 50 {
		p.dial().Close() // each is worth log lines
	}
	p.append(10, 10)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestAStalledReaderOfTheLogDoesNotStopTheServer(t *testing.T) {
	p := startProcess(t, "LOG_LEVEL=debug") // its log is never read again
	for range 1000 {
		p.dial().Close()
	}
	p.append(10, 10)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestSignalsStopInOrderAlsoWithAClientThatTakesNothing(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := startProcess(t)
			p.owing()
			p.signal(signal)
			if code := p.exit(); code != exitOK {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestASecondSignalEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	p.owing()
	p.signal(syscall.SIGTERM)
	for { // until the first one was taken in
		line, err := p.log.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `"stopping"`) {
			break
		}
	}
	go func() { // one that comes together with the first is none
		for p.cmd.Process.Signal(syscall.SIGINT) == nil {
			time.Sleep(50 * time.Millisecond)
		}
	}()
	if code := p.exit(); code != exitFailure {
		t.Errorf("exit code %d, want %d", code, exitFailure)
	}
	if said := p.stderr.String(); !strings.HasPrefix(said, "ringlog: a second signal: ending at once") {
		t.Errorf("it says %q", said)
	}
}

func TestHangUpIsNoReasonToStop(t *testing.T) {
	p := startProcess(t)
	p.signal(syscall.SIGHUP)
	p.append(1, 10)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
