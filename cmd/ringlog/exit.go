package main

import (
	"errors"
	"fmt"
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
