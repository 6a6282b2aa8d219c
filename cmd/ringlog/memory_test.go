package main

import (
	"slices"
	"testing"
)

func TestMemoryIsThatOfTheControlGroup(t *testing.T) {
	for _, c := range []struct {
		groups string
		want   []string
	}{
		{"0::/\n", []string{"/sys/fs/cgroup/memory.max"}},
		{"0::/a/b\n", []string{"/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"}},
		{
			"7:cpu,cpuacct:/x\n5:memory:/x\n0::/\n",
			[]string{"/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory.max"},
		},
		{"", nil},
		{"nonsense\n\n", nil},
	} {
		if got := memoryFiles(c.groups); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q", c.groups, got, c.want)
		}
	}
}
