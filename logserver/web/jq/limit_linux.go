package jq

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const idle = 19 // the lowest priority

// lowerPriority lets everything else go first. On Linux each thread has a priority of its
// own, which those that it starts inherit.
func lowerPriority() {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return // it is only slower for others
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, idle)
		}
	}
}

// LimitAddresses has what goes beyond limit bytes of addresses fail, at once and inside of
// one allocation, too; the watch over the heap looks only now and then. What a race
// detector reserves is far beyond it.
func LimitAddresses(limit uint64) {
	_ = unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: limit})
}
