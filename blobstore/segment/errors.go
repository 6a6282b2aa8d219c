package segment

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Errors that are not about damage.
var (
	// ErrDiskFull: no blocks could be had for the batch. Nothing of it was written, and
	// the same Append may be tried again when there is space.
	ErrDiskFull = errors.New("disk full")
	// ErrNoFiles: the process or the machine may not open another file for now. Nothing was
	// written, and the same Append may be tried again.
	ErrNoFiles = errors.New("too many open files")
	// ErrUnavailable: the bytes at a place can't be given. What is wrong with them is
	// wrapped too, often a *DamageError. Other places are not affected.
	ErrUnavailable = errors.New("content unavailable")
	// ErrPosition: no batch begins at the position that a scan was to start from. Whoever
	// remembered it remembers another stream.
	ErrPosition = errors.New("no batch begins at this position")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("segments are closed")
	// ErrBatch: these frames can't be a batch: none, too many, too large, or of a kind,
	// codec or hash that is not defined.
	ErrBatch = errors.New("not a batch of frames")
)

// A DamageError says that bytes that were durable are no longer what was written.
type DamageError struct {
	File   string // name in the directory
	Offset int64  // the first byte that can't be trusted
	Detail string
}

func (e *DamageError) Error() string {
	return e.what() + "; put back a good copy of the file, or see what `ringlog repair` can do"
}

// what says what is wrong, and where.
func (e *DamageError) what() string {
	where := ""
	if e.Offset > 0 {
		where = fmt.Sprintf(" at offset %d", e.Offset)
	}
	return fmt.Sprintf("%s is damaged%s: %s", e.File, where, e.Detail)
}

// A ForeignError says that something in the directory is not this stream's, or not for
// this version to read.
type ForeignError struct {
	File   string // name in the directory
	Detail string
	Remedy string
}

func (e *ForeignError) Error() string { return e.File + " " + e.Detail + "; " + e.Remedy }

// What to do about a file that should not be there, or was made by a later program.
const (
	moveAway = "move it out of the directory"
	upgrade  = "use the version that wrote it, or a later one"
	export   = "export its logs with the version that wrote it, and append them to a new directory"
)

// full turns the system's words for what has run out into this package's.
func full(err error) error {
	switch {
	case errors.Is(err, fs.ErrNoSpace):
		return fmt.Errorf("%w: %w", ErrDiskFull, err)
	case noFiles(err):
		return fmt.Errorf("%w: %w", ErrNoFiles, err)
	}
	return err
}

func noFiles(err error) bool { return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) }

// Passing tells whether an error of Append, Reserve or Secure left the stream as it was, so
// that the same may work later: ErrDiskFull or ErrNoFiles.
func Passing(err error) bool { return errors.Is(err, ErrDiskFull) || errors.Is(err, ErrNoFiles) }
