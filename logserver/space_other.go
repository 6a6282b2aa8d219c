//go:build !(linux || darwin)

package logserver

// diskSpace can't be told here.
func diskSpace(string) (free, size int64) { return -1, -1 }
