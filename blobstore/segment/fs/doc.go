// Package fs is the file system under the segments: one flat directory, and of its
// files only what an append-only store needs.
//
// There are two. [Dir] is a directory of the real one, locked against a second
// process. [Memory] keeps everything in memory, for servers that need not remember
// (BLOBS=memory) and for tests: [Mem.Crash] gives what a disk may hold after a power
// cut, and a hook sees, and may refuse, every operation before it is done.
//
// The contract that both keep, and that the segments are built on:
//
//   - What WriteAt, Allocate and Truncate did is seen by ReadAt at once and is durable
//     when a Sync of that file, begun afterwards, has returned nil. Until then any part
//     of it may survive a power cut, torn at 512 bytes or 4 KiB.
//   - What Create, Rename and Remove did to names is durable when a SyncDir has returned
//     nil. Until then any part of it may survive. Sync says nothing about names, SyncDir
//     nothing about content.
//   - Rename replaces an existing file in one step: afterwards, and after a power cut,
//     the name is the one file or the other, whole.
//   - After an error of WriteAt, Truncate, Sync or SyncDir nothing is known about what is
//     on the disk. Nothing is to be tried again; the process is to stop.
//   - After ErrNoSpace from Create or Allocate nothing has been written; going on is safe.
package fs
