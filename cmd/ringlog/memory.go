package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultMemory is a quarter of what the machine or, where one is set, the control group allows.
func defaultMemory() int64 {
	limit := int64(1 << 30)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		limit = int64(info.Totalram) * int64(info.Unit)
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && n > 0 {
			limit = min(limit, n)
		}
	}
	return max(limit/4, 16<<20)
}
