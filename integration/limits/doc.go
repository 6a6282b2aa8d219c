// Package limits tests what the binary does when the machine has no more to give: a full disk, little
// memory, few file descriptors, a disk that hangs.
//
// Some tests mount, limit or trace, which takes root and tools: what a machine can't do for them is
// reported as "not proven here".
package limits
