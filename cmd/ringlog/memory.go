package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// defaultMemory is a quarter of what the machine or, where one is set, the control group allows.
func defaultMemory() int64 { return max(availableMemory()/4, 16<<20) }

// limitHeap has the garbage collector work harder before the process comes to what it may have. GOMEMLIMIT wins.
func limitHeap() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(availableMemory() / 10 * 7)
	}
}

// availableMemory is what the machine has, or the control group allows.
func availableMemory() int64 {
	limit := machineMemory()
	if limit <= 0 {
		limit = 1 << 30
	}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for _, file := range memoryFiles(string(groups)) {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err == nil && n > 0 {
			limit = min(limit, n)
		}
	}
	return limit
}

// memoryFiles lists the files that may limit a process whose /proc/self/cgroup is given: those of its
// group and of the groups around it, as far as they can be seen from here.
func memoryFiles(groups string) (files []string) {
	add := func(root, group, name string) {
		for ; ; group = filepath.Dir(group) {
			files = append(files, filepath.Join(root, group, name))
			if group == "/" || group == "." {
				return
			}
		}
	}
	for line := range strings.Lines(groups) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		if fields[1] == "" {
			add("/sys/fs/cgroup", fields[2], "memory.max")
		}
		if slices.Contains(strings.Split(fields[1], ","), "memory") {
			add("/sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes")
		}
	}
	return files
}
