package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startCommand starts `ringlog args` against p with pipes for its input and output.
func (p *process) startCommand(args ...string) (cmd *exec.Cmd, in io.WriteCloser, out io.ReadCloser, stderr *bytes.Buffer) {
	p.t.Helper()
	stderr = new(bytes.Buffer)
	cmd, in, out = startCommandAt(p.t, p.address, stderr, args...)
	return cmd, in, out, stderr
}

func startCommandAt(t *testing.T, address string, stderr io.Writer, args ...string) (cmd *exec.Cmd, in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	binary, err := exec.LookPath("ringlog")
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(binary, args...)
	cmd.Env = append(os.Environ(), "RINGLOG_ADDR="+address, "GORACE=atexit_sleep_ms=0")
	cmd.Stderr = stderr
	if in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if out, err = cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() { guard.Stop() })
	return cmd, in, out
}

// lineOf is the first line that comes.
func lineOf(t *testing.T, out io.Reader) string {
	t.Helper()
	line, err := bufio.NewReaderSize(out, 16).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func TestATailEndsWithItsReader(t *testing.T) {
	p := startProcess(t)
	p.append(3, 10)
	cmd, _, out, stderr := p.startCommand("tail", "-f")
	lineOf(t, out)
	out.Close() // and nothing is ever appended again
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, stderr)
	}
}

func TestAnExportIntoAClosedPipeIsQuiet(t *testing.T) {
	p := startProcess(t)
	p.append(10, 500_000)
	cmd, _, out, stderr := p.startCommand("export")
	out.Close()
	if err := cmd.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %s", err, stderr)
	}
}

// A server that is killed and comes back in the middle of an append: nothing is left out, twice, or
// out of order.
func TestAppendGoesOnOverAKill(t *testing.T) {
	data := t.TempDir()
	where := []string{"BLOBS=" + data + "/blobs", "DB=" + data + "/db"}
	p := startProcess(t, where...)
	cmd, in, _, stderr := p.startCommand("append")
	tail, _, tailed, _ := p.startCommand("tail", "-f", "--from", "1")
	follower := bufio.NewScanner(tailed)

	const half = 2000
	for i := range half {
		fmt.Fprintf(in, "{\"n\":%d}\n", i)
	}
	wantNumbers(t, follower, 0, 1) // it is under way
	p.signal(syscall.SIGKILL)
	p.cmd.Wait()
	_, port, _ := strings.Cut(p.address, ":")
	startProcess(t, append(where, "PORT="+port)...)
	for i := range half {
		fmt.Fprintf(in, "{\"n\":%d}\n", half+i)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	wantNumbers(t, follower, 1, 2*half)
	tail.Process.Kill()
	tail.Wait()
	if want := fmt.Sprintf("%d appended to main (index 1 to %d), 0 not", 2*half, 2*half); !strings.Contains(stderr.String(), want) {
		t.Errorf("%s", stderr)
	}
	if strings.Count(stderr.String(), "reconnecting") != 1 || strings.Count(stderr.String(), " again\n") != 1 {
		t.Errorf("it does not say once that it reconnects: %s", stderr)
	}
}

func wantNumbers(t *testing.T, lines *bufio.Scanner, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if want := fmt.Sprintf("{\"n\":%d}", i); !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %s", lines.Text(), want)
		}
	}
}
