package main

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/cluster"
	"github.com/ringlog/ringlog/logserver/index"
)

// Exit codes, after sysexits.h.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 64
	exitData    = 65 // damaged data
	exitConnect = 69 // no server there
	exitDisk    = 74
	exitConfig  = 78
)

// errQuiet ends a command early without a word and with code 0: nobody reads its output any more.
var errQuiet = errors.New("output closed")

// codedError is an error that says how the process should exit.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// withCode gives err an exit code; nil stays nil.
func withCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code: code, err: err}
}

func configErrorf(format string, args ...any) error {
	return withCode(exitConfig, fmt.Errorf(format, args...))
}

func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	}
	return exitFailure
}

// dataCode tells the errors of opening a log apart: what is wrong with the system (the disk, rights,
// another process) and what is wrong with the data.
func dataCode(err error) int {
	var coded *codedError
	var locked *fs.LockedError
	var damage *segment.DamageError
	var foreign *segment.ForeignError
	var system syscall.Errno
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &locked), errors.Is(err, index.ErrLocked), errors.Is(err, cluster.ErrOtherNode):
		return exitConfig
	case errors.As(err, &damage), errors.As(err, &foreign):
		return exitData
	case errors.As(err, &system), errors.Is(err, segment.ErrDiskFull), errors.Is(err, fs.ErrNoSpace):
		return exitDisk
	}
	return exitData
}
