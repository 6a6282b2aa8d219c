package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// talking is a command whose standard error is read line by line.
type talking struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    io.Reader
	stderr *bufio.Reader
}

func startTalking(t *testing.T, address string, args ...string) *talking {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	c := &talking{t: t, stderr: bufio.NewReader(reader)}
	c.cmd, c.in, c.out = startCommandAt(t, address, writer, args...)
	writer.Close()
	return c
}

// says wants the next line on standard error to have this in it.
func (c *talking) says(want string) {
	c.t.Helper()
	if line, err := c.stderr.ReadString('\n'); !strings.Contains(line, want) {
		c.t.Fatalf("it says %q (%v), want %q", line, err, want)
	}
}

// ends wants nothing more to be said, and this exit code; -1: a signal.
func (c *talking) ends(code int) {
	c.t.Helper()
	if rest, err := io.ReadAll(c.stderr); len(rest) > 0 || err != nil {
		c.t.Errorf("it also says %q (%v)", rest, err)
	}
	c.cmd.Wait()
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("exit code %d, want %d", got, code)
	}
}

func TestATailSaysThatItReconnects(t *testing.T) {
	data := t.TempDir()
	where := []string{"BLOBS=" + data + "/blobs", "DB=" + data + "/db"}
	p := startProcess(t, where...)
	p.append(1, 1)
	tail := startTalking(t, p.address, "tail", "-f", "--from", "1")
	lineOf(t, tail.out)
	p.signal(syscall.SIGKILL)
	p.cmd.Wait()
	tail.says("reconnecting, for 1m0s at most")
	_, port, _ := strings.Cut(p.address, ":")
	startProcess(t, append(where, "PORT="+port)...)
	tail.says("again")
	tail.cmd.Process.Kill()
	tail.ends(-1)
}

// Ctrl-C of an append: what was taken is appended, the summary is told.
func TestAnInterruptedAppendSaysHowFarItCame(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := startProcess(t)
		follower := startTalking(t, p.address, "tail", "-f", "--from", "1")
		appending := startTalking(t, p.address, "append")
		fmt.Fprint(appending.in, "{\"n\":0}\n{\"n\":1}\n{\"n\":\n{\"n\":2}\n")
		appending.says("stdin:3: ")
		wantNumbers(t, bufio.NewScanner(follower.out), 0, 3)
		appending.cmd.Process.Signal(signal)
		appending.says("interrupted after stdin:4\n")
		appending.says("3 appended to main (index 1 to 3), 1 not, in ")
		appending.ends(exitFailure)
		follower.cmd.Process.Kill()
		follower.ends(-1)
	}
}

func TestAnAppendInterruptedBeforeItsFirstLine(t *testing.T) {
	p := startProcess(t)
	appending := startTalking(t, p.address, "append", "absent", "-")
	appending.says("absent")
	appending.cmd.Process.Signal(syscall.SIGINT)
	appending.says("interrupted before the first line")
	appending.says("0 appended to main, 1 not, in ")
	appending.ends(exitFailure)
}

// silent answers heads, and nothing else; every append that comes is told.
func silent(t *testing.T) (address string, came <-chan bool) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	told := make(chan bool, 100)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if lines.Text() == `{"head":true}` {
						fmt.Fprintln(conn, `{"head":0}`)
						continue
					}
					told <- true
				}
			}()
		}
	}()
	return listener.Addr().String(), told
}

func TestAnInterruptedAppendDoesNotWaitForEver(t *testing.T) {
	address, came := silent(t)
	appending := startTalking(t, address, "append")
	fmt.Fprint(appending.in, "[1]\n[2]\n[3]\n")
	for range 3 {
		<-came
	}
	appending.cmd.Process.Signal(syscall.SIGINT)
	appending.says("interrupted after stdin:3; 3 lines, stdin:1 to stdin:3, had no answer")
	appending.says("0 appended to main, 3 not, in ")
	appending.ends(exitFailure)
}

func TestASecondInterruptEndsAnAppendAtOnce(t *testing.T) {
	address, came := silent(t)
	appending := startTalking(t, address, "append")
	fmt.Fprint(appending.in, "[1]\n")
	<-came
	began := time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		appending.ends(-1)
	}()
	for first := true; ; first = false { // one that comes before the first was taken in is none
		appending.cmd.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
			if first || time.Since(began) > drainFor {
				t.Errorf("after %v", time.Since(began))
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
