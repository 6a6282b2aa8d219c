package main

import "golang.org/x/sys/unix"

// machineMemory is what the machine has, 0 if that can't be told.
func machineMemory() int64 {
	bytes, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 0
	}
	return int64(bytes)
}
