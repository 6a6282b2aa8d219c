//go:build !nosync

package fs

// NoSync is true in a build that flushes nothing, made with -tags nosync. It loses what
// it acknowledged when the power is cut; the tests of crashes must catch it.
const NoSync = false
