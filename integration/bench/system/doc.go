// Package system runs the servers that are compared, each as a process of its own with its data in a
// directory of its own, and says what they cost: CPU seconds, memory, bytes on disk.
package system
