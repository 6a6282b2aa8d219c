//go:build !linux

package index

import "os"

// allocate does nothing: bbolt grows the file as it writes.
func allocate(*os.File, int64, int64) error { return nil }
