//go:build linux

package limits

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// slowDisk is a command that runs another with its flushes delayed as a rule of strace says.
func slowDisk(t *testing.T, rule string) []string {
	t.Helper()
	if out, err := exec.Command("strace", "-D", "-o", "/dev/null", "-e", "inject=fdatasync:delay_enter=1", "true").CombinedOutput(); err != nil {
		notProven(t, "strace: %v: %s", err, out)
	}
	return []string{"strace", "-D", "-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:" + rule}
}

// logged tells whether the server has logged a message.
func logged(s *server.Server, message string) bool {
	text, err := os.ReadFile(filepath.Join(s.Dir, "log"))
	return err == nil && strings.Contains(string(text), message)
}

// TestSlowDisk: a flush that takes 3 s is warned of after one, and the append is answered when it is done.
func TestSlowDisk(t *testing.T) {
	s := server.New(t, server.Dir(t), nil)
	s.Prefix = slowDisk(t, "delay_enter=3000000:when=40")
	s.Start()
	k := dial(t, s.Addr)
	waitFor(t, "the warning", func() bool { // strace counts each thread's flushes
		for range 60 {
			k.appended(`{"n":1}`)
		}
		return logged(s, "the disk is slow")
	})
	waitFor(t, "its end", func() bool { return logged(s, "the disk has finished its write") })
	s.Stop()
}

// TestStalledDisk: a flush that does not end within DISK_TIMEOUT ends the server, with code 74. Reads go
// on until then, nobody is told that the append was made, and the next start has everything that was.
func TestStalledDisk(t *testing.T) {
	disk := smallDisk(t, 64)
	s := server.New(t, server.Dir(t), map[string]string{
		"DISK_TIMEOUT": "2s", "BLOBS": filepath.Join(disk, "blobs"), "DB": filepath.Join(disk, "db"),
	})
	s.Start()
	k, reader := dial(t, s.Addr), dial(t, s.Addr)
	acknowledged := k.appended(`{"n":1}`)
	freeze := func(how string) error {
		out, err := exec.Command("fsfreeze", how, disk).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := freeze("-f"); err != nil {
		notProven(t, "fsfreeze: %v", err)
	}
	thaw := sync.OnceValue(func() error { return freeze("-u") })
	defer thaw()
	k.send(`{"id":"a","entry":{"n":2}}`)
	waitFor(t, "the warning", func() bool { return logged(s, "the disk is slow") })
	if n := reader.history(); n != acknowledged {
		t.Errorf("%d entries were read while the disk hung, %d were acknowledged", n, acknowledged)
	}
	if line, err := k.lines.ReadString('\n'); err == nil && !strings.Contains(line, "unknown outcome") {
		t.Errorf("what is not on the disk was answered with %q", line)
	}
	// A thread that waits for the disk can't be ended, but everything else of the process does.
	waitFor(t, "the end", func() bool { return !runs(s.PID()) })
	if err := thaw(); err != nil {
		t.Fatal(err)
	}
	if code, said := s.Exit(); code != 74 || !strings.Contains(said, "DISK_TIMEOUT") {
		t.Errorf("exit code %d: %s", code, said)
	}
	s.Start()
	if n := dial(t, s.Addr).history(); n < acknowledged {
		t.Errorf("%d entries, %d were acknowledged", n, acknowledged)
	}
	s.Stop()
}

// runs tells whether a process has a thread left that does not wait for the disk.
func runs(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, name := range threads {
		stat, _ := os.ReadFile(name)
		_, state, _ := strings.Cut(string(stat), ") ")
		if state != "" && !strings.ContainsAny(state[:1], "DZX") {
			return true
		}
	}
	return false
}
