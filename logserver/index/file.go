package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// ErrLocked: a second process has the file.
var ErrLocked = errors.New("index is in use by another process")

const (
	fileMode  = 0o600
	lockRetry = 20 * time.Millisecond
	// asideSuffix is for a file that is no index: perhaps DB names the wrong one.
	asideSuffix = ".not-an-index"
)

// openFile opens and locks the file, made if it isn't there. Its structure is
// sound or it is empty; reason then says why, if it wasn't.
func openFile(path string, wait time.Duration, deep int64) (f *os.File, reason error, err error) {
	if err := clearDirectory(path); err != nil {
		return nil, nil, err
	}
	f, err = lockFile(path, wait)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("index %s is not a regular file", path)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	if info.Size() == 0 {
		return f, nil, nil
	}
	reason = examine(f, info.Size(), info.Size() <= deep)
	if reason == nil {
		return f, nil, nil
	}
	if errors.Is(reason, errNotIndex) {
		f, err = setAside(f, path, wait)
		return f, fmt.Errorf("%w: kept as %s", reason, path+asideSuffix), err
	}
	if err := f.Truncate(0); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, reason, nil
}

// setAside renames what must not be overwritten and begins a new file.
func setAside(f *os.File, path string, wait time.Duration) (*os.File, error) {
	err := os.Rename(path, path+asideSuffix)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return lockFile(path, wait)
}

// clearDirectory removes an empty directory in the file's place, which
// container tools make for a file that isn't there. Any other is not ours to remove.
func clearDirectory(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return nil //nolint:nilerr // opening it says what is wrong
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("index %s is a directory: %w", path, err)
	}
	return nil
}

// lockFile takes bbolt's lock before bbolt does, so that the file can be
// examined and emptied under it.
func lockFile(path string, wait time.Duration) (*os.File, error) {
	for deadline := time.Now().Add(wait); ; time.Sleep(lockRetry) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|dontWait, fileMode)
		if err != nil {
			return nil, err
		}
		err = tryLock(f)
		if err == nil && stillAt(f, path) {
			return f, nil
		}
		f.Close()
		switch {
		case err != nil && !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, &fs.PathError{Op: "flock", Path: path, Err: err}
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%s: %w", path, ErrLocked)
		}
	}
}

// stillAt is false if whoever had the lock before has removed the file.
func stillAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(opened, named)
}

// realPath follows symbolic links, so that removing the file removes the file.
func realPath(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return filepath.Abs(path) // a dangling link is followed when the file is made
	}
	if err != nil {
		return "", err
	}
	return filepath.Abs(real)
}
