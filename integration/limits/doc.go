// Package limits tests what the binary does when the machine has no more to give: a full disk, little
// memory, few file descriptors, a disk that hangs.
//
// Some tests mount, limit or trace, which takes root and tools: what a machine can't do for them is
// reported as "not proven here".
//
// A commit tries little. FULL=50 fills the disk so often; MEMORY_TEST=whole takes 10,000 connections, for
// which the machine must allow as many open files.
package limits
