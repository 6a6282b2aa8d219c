package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal: what is written to tty comes out at screen.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no pseudo-terminal: %v", err)
		}
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return screen, tty
}

// shown is what `ringlog args` shows on a terminal.
func shown(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	screen, tty := terminal(t)
	binary, err := exec.LookPath("ringlog")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, tty, tty
	cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0", "TERM=xterm", "NO_COLOR="), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	var all bytes.Buffer
	_, _ = all.ReadFrom(screen) // it ends with an error when nobody has the terminal any more
	_ = cmd.Wait()              // some are to fail
	return all.String()
}

// TestColors: colour on a terminal, none with NO_COLOR or a dumb terminal.
func TestColors(t *testing.T) {
	dir := t.TempDir()
	if text := shown(t, dir, nil, "doctor"); !strings.Contains(text, green+"ok  ") {
		t.Errorf("no colour: %q", text)
	}
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		if text := shown(t, dir, []string{env}, "doctor"); strings.Contains(text, "\x1b") || !strings.Contains(text, "ok  ") {
			t.Errorf("%s: %q", env, text)
		}
	}
}

// TestProgressOnATerminal: a bar while it lasts, that leaves nothing behind.
func TestProgressOnATerminal(t *testing.T) {
	p := startProcess(t)
	file := t.TempDir() + "/lines"
	var lines bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&lines, "{\"n\":%d}\n", i)
	}
	if err := os.WriteFile(file, append(lines.Bytes(), "no entry\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"append", file}, {"import", "ndjson", file, "--log", "other"}} {
		text := shown(t, t.TempDir(), []string{"RINGLOG_ADDR=" + p.address}, args...)
		if !strings.Contains(text, "%, ") || !strings.Contains(text, "MB/s, ") {
			t.Errorf("%v: no bar in %q", args, text)
		}
		// What stands on the screen at the end: each line from its last clearing on.
		for line := range strings.Lines(text) {
			line = line[strings.LastIndex(line, clearLine)+1:]
			if strings.Contains(line, "MB/s") {
				t.Errorf("%v leaves %q", args, line)
			}
		}
	}
}
