//go:build unix

package jq

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime returns how long the process has run: one of low priority may wait for its
// turn, and that is no fault of the program.
func processorTime() time.Duration {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return 0 // it never fails for oneself
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
