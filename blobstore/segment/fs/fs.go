package fs

import (
	"errors"
	"fmt"
	"io"
)

// FS is one directory. Names are plain file names, without any separator. A name that
// does not exist gives an error that is os.ErrNotExist. Methods may be called by
// several goroutines.
type FS interface {
	// Open opens an existing file for reading and writing. What is not a regular file
	// (a symbolic link, a directory) gives ErrNotRegular.
	Open(name string) (File, error)
	// Create makes a new, empty file; os.ErrExist if there is one of that name.
	Create(name string) (File, error)
	// Rename gives a file another name, replacing what had it.
	Rename(old, new string) error
	Remove(name string) error
	// List returns all names in order, also of what is not a regular file.
	List() ([]string, error)
	// SyncDir makes durable what Create, Rename and Remove did.
	SyncDir() error
	// Close gives back the directory and its lock; open files stay open. It is
	// idempotent.
	Close() error
}

// File is an open file. ReadAt may be called at any time, also while another goroutine
// writes elsewhere in the file; the rest is for one goroutine at a time.
type File interface {
	io.ReaderAt
	io.WriterAt
	// Allocate reserves disk blocks for the bytes [off, off+n), which must not leave a
	// gap to what the file has, and makes the file that long; bytes that are new read as
	// zero, others stay.
	Allocate(off, n int64) error
	// Truncate makes the file as long as size says.
	Truncate(size int64) error
	Size() (int64, error)
	// WillRead says that the bytes [off, off+n) will be read soon. It is a hint, and
	// returns at once.
	WillRead(off, n int64)
	// Sync makes durable what was written, allocated and truncated, and nothing else:
	// it is an fdatasync.
	Sync() error
	Close() error
}

// Errors of both file systems, to be compared with errors.Is.
var (
	// ErrNoSpace: the disk is full. Nothing was written.
	ErrNoSpace = errors.New("no space left on the disk")
	// ErrNotRegular: the name is a symbolic link, a directory or something stranger.
	ErrNotRegular = errors.New("not a regular file")
	// ErrReadOnly: the directory was opened by ReadOnly.
	ErrReadOnly = errors.New("opened for reading only")
	// ErrVanished: a file was removed or cut while it was in use.
	ErrVanished = errors.New("file was removed or cut by someone else")
)

// LockName is the file that Dir locks. It holds the number of the process that did.
const LockName = "LOCK"

// LockedError says that another process has the directory open.
type LockedError struct {
	Path string // of the directory
	PID  int    // of the other process; 0 if it can't be told
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%s is in use by another process", e.Path)
	}
	return fmt.Sprintf("%s is in use by process %d", e.Path, e.PID)
}
