//go:build linux || darwin

package logserver

import "golang.org/x/sys/unix"

// diskSpace returns how many bytes a file in dir could still take, -1 if that can't be told, and
// of how many.
func diskSpace(dir string) (free, size int64) {
	var s unix.Statfs_t
	if dir == "" || dir == InMemory || unix.Statfs(dir, &s) != nil {
		return -1, -1
	}
	return int64(s.Bavail * uint64(s.Bsize)), int64(s.Blocks * uint64(s.Bsize))
}
