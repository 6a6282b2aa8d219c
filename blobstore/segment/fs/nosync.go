//go:build nosync

package fs

// NoSync is true: this build flushes nothing. It is there to be caught by the tests.
const NoSync = true
