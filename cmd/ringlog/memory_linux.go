package main

import "golang.org/x/sys/unix"

// machineMemory is what the machine has, 0 if that can't be told.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}
