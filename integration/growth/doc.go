//go:build linux

// Command growth shows whether Ringlog stays as fast as it grows: append and read rates at a million entries
// and at many more, start-ups, memory, bytes on disk, the slowest appends, and the read of one of a thousand
// interleaved logs. It starts the server itself, on loopback, in a directory that it removes.
package main
