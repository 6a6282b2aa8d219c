package fs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// dir is a directory of the real file system.
type dir struct {
	path     string
	self     *os.File // the directory, to be synced
	lock     *os.File // nil when opened for reading only
	readOnly bool
	closing  sync.Once
	closed   error
}

// Dir opens a directory, making it (0700) if its parent exists, and locks it: while
// another process has it open the error is a *LockedError. The lock ends with Close or
// with the process, however it ends.
func Dir(path string) (FS, error) {
	if err := makeDir(path); err != nil {
		return nil, err
	}
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	if d.lock, err = lockDir(path); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// ReadOnly opens a directory without locking it, so that it can be looked at while a
// server is using it. Everything that would change it gives ErrReadOnly.
func ReadOnly(path string) (FS, error) {
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	d.readOnly = true
	return d, nil
}

func openDir(path string) (*dir, error) {
	self, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err := self.Stat(); err != nil || !info.IsDir() {
		self.Close()
		return nil, errors.Join(err, &os.PathError{Op: "open", Path: path, Err: syscall.ENOTDIR})
	}
	return &dir{path: path, self: self}, nil
}

// makeDir makes the directory if it is missing, durably: its name is in its parent.
func makeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return noSpace(err)
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(path)))
	if err != nil {
		return err
	}
	return errors.Join(syncDir(parent), parent.Close())
}

// lockDir takes the lock and leaves this process's number in the file for whoever is
// refused. The number is a courtesy: only the lock itself counts.
func lockDir(path string) (*os.File, error) {
	name := filepath.Join(path, LockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, noSpace(err)
	}
	taken, err := tryLock(f)
	if err != nil || !taken {
		pid := readPID(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		return nil, &LockedError{Path: path, PID: pid}
	}
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // a full disk must not stop the start
	}
	return f, nil
}

func readPID(f *os.File) int {
	var buf [20]byte
	n, _ := f.ReadAt(buf[:], 0)
	pid, _ := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	return pid
}

func (d *dir) join(name string) string { return filepath.Join(d.path, name) }

func (d *dir) Open(name string) (File, error) {
	info, err := os.Lstat(d.join(name))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "open", Path: d.join(name), Err: ErrNotRegular}
	}
	mode := os.O_RDWR
	if d.readOnly {
		mode = os.O_RDONLY
	}
	return d.file(os.OpenFile(d.join(name), mode, 0))
}

func (d *dir) Create(name string) (File, error) {
	if d.readOnly {
		return nil, ErrReadOnly
	}
	f, err := d.file(os.OpenFile(d.join(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600))
	return f, noSpace(err)
}

func (d *dir) file(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	file := &file{File: f, fd: int(f.Fd()), readOnly: d.readOnly}
	file.end.Store(info.Size())
	return file, nil
}

func (d *dir) Rename(old, new string) error {
	if d.readOnly {
		return ErrReadOnly
	}
	return os.Rename(d.join(old), d.join(new))
}

func (d *dir) Remove(name string) error {
	if d.readOnly {
		return ErrReadOnly
	}
	return os.Remove(d.join(name))
}

func (d *dir) List() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (d *dir) SyncDir() error {
	if d.readOnly {
		return ErrReadOnly
	}
	if NoSync {
		return nil
	}
	return syncDir(d.self)
}

func (d *dir) Close() error {
	d.closing.Do(func() {
		d.closed = d.self.Close()
		if d.lock != nil {
			d.closed = errors.Join(d.closed, d.lock.Close())
		}
	})
	return d.closed
}

// file is a file of the real file system.
type file struct {
	*os.File
	fd       int
	end      atomic.Int64 // the length that the file must have, by what was done to it here
	readOnly bool
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	f.grow(off + int64(n))
	return n, err
}

func (f *file) Allocate(off, n int64) error {
	if f.readOnly {
		return ErrReadOnly
	}
	if err := noSpace(f.allocate(off, n)); err != nil {
		return fmt.Errorf("allocate %d bytes of %s: %w", n, f.Name(), err)
	}
	f.grow(off + n)
	return nil
}

// allocateByWriting is for file systems that can't allocate: it writes zeroes behind
// the end of the file.
func (f *file) allocateByWriting(off, n int64) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	zeroes := make([]byte, 64<<10)
	for at := max(off, size); at < off+n; {
		m, err := f.File.WriteAt(zeroes[:min(int64(len(zeroes)), off+n-at)], at)
		if err != nil {
			return err
		}
		at += int64(m)
	}
	return nil
}

func (f *file) Truncate(size int64) error {
	if err := f.File.Truncate(size); err != nil {
		return err
	}
	f.end.Store(size)
	return nil
}

func (f *file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync is an fdatasync, and the moment to notice that what it made durable can no
// longer be reached.
func (f *file) Sync() error {
	if NoSync {
		return nil
	}
	if err := f.datasync(); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	if !f.intact() {
		return &os.PathError{Op: "sync", Path: f.Name(), Err: ErrVanished}
	}
	return nil
}

func (f *file) grow(end int64) {
	if end > f.end.Load() {
		f.end.Store(end)
	}
}

// noSpace makes ErrNoSpace of what the system says when disk, quota or inodes are used
// up.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}
