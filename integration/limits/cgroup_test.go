//go:build linux

package limits

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// memoryGroup makes a control group (version 1 or 2) that allows so many bytes, and returns the command that
// runs another in it.
func memoryGroup(t *testing.T, bytes int64) (wrap []string) {
	t.Helper()
	name := fmt.Sprintf("ringlog-test-%d", os.Getpid())
	why := "no control group for memory can be made"
	for _, v := range []struct{ root, limit string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
		{"/sys/fs/cgroup", "memory.max"},
		{"/sys/fs/cgroup/unified", "memory.max"},
	} {
		dir := filepath.Join(v.root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		t.Cleanup(func() {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		})
		if err := os.WriteFile(filepath.Join(dir, v.limit), []byte(strconv.FormatInt(bytes, 10)), 0o600); err != nil {
			why = err.Error()
			continue
		}
		return []string{"sh", "-c", "echo $$ > " + filepath.Join(dir, "cgroup.procs") + ` && exec "$0" "$@"`}
	}
	notProven(t, "%s", why)
	return nil
}

// process is what /proc says of one.
type process struct {
	rss, peak int64 // bytes
	files     int
	anon      int64 // of rss, what is in no file
}

func look(t *testing.T, pid int) (p process) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "VmRSS":
			p.rss = n << 10
		case "RssAnon":
			p.anon = n << 10
		case "VmHWM":
			p.peak = n << 10
		}
	}
	files, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)) // a process that ends has none any more
	p.files = len(files)
	return p
}
