package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
)

var (
	bucketRows    = []byte("rows")
	bucketWindows = []byte("windows")
	bucketMeta    = []byte("meta")

	errClosed = errors.New("index is closed")
	errStale  = errors.New("the file was begun anew")
)

// A store is the bbolt file. Views may run at any time beside one update;
// everything else is called by one goroutine.
type store struct {
	path string
	hook func(op string) error // tests make an operation fail; nil: none
	deep int64                 // files up to this size are read whole when opened

	// Owned by the goroutine that flushes.
	file *os.File
	hung bool // bbolt panicked in a write transaction and may hold its locks for ever

	use  sync.RWMutex // held by views for reading; guards the following
	db   *bbolt.DB    // nil: closed
	gen  uint64       // counts the files begun
	salt salt         // of the file
}

// open opens the file, emptying one that isn't sound; reason says why.
func (s *store) open(wait time.Duration) (reason error, err error) {
	s.use.Lock()
	defer s.use.Unlock()
	return s.opens(wait)
}

// opens requires use.
func (s *store) opens(wait time.Duration) (reason error, err error) {
	for {
		f, why, err := openFile(s.path, wait, s.deep)
		if why != nil {
			reason = why
		}
		if err != nil {
			return reason, err
		}
		empty, err := isEmpty(f)
		if err == nil {
			err = s.start(f)
		}
		if err == nil {
			return reason, nil
		}
		f.Close() // bbolt has done so, unless it panicked
		if empty {
			return reason, errors.Join(err, s.remove())
		}
		if isIO(err) {
			return reason, err
		}
		reason = err
		if err := os.Truncate(s.path, 0); err != nil {
			return reason, err
		}
	}
}

func isEmpty(f *os.File) (bool, error) {
	info, err := f.Stat()
	return err == nil && info.Size() == 0, err
}

// isIO tells errors of the system from those of a file's content.
func isIO(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno)
}

// start hands an open, locked file to bbolt. It requires use.
func (s *store) start(f *os.File) (err error) {
	defer guard(&err)()
	db, err := bbolt.Open(s.path, fileMode, &bbolt.Options{
		Timeout:         time.Second, // the lock is ours already
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: 1 << 30, // address space only: no remapping while there are views
		NoStatistics:    true,
		OpenFile:        func(string, int, os.FileMode) (*os.File, error) { return f, nil },
	})
	if err != nil {
		return err
	}
	db.AllocSize = 1 << 20
	s.db, s.file, s.hung = db, f, false
	return nil
}

// close waits for views to end. It is idempotent.
func (s *store) close() error {
	s.use.Lock()
	defer s.use.Unlock()
	return s.closes()
}

// closes requires use.
func (s *store) closes() (err error) {
	defer guard(&err)()
	db := s.db
	if db == nil {
		return nil
	}
	s.db = nil
	if s.hung {
		return s.file.Close() // gives up the lock; the mapping is lost
	}
	return db.Close()
}

// reopen opens the file anew while views wait. An error means that what was in
// it can't be read any more.
func (s *store) reopen() error {
	s.use.Lock()
	defer s.use.Unlock()
	if err := s.closes(); err != nil {
		return err
	}
	reason, err := s.opens(0)
	return errors.Join(reason, err)
}

// discard removes the file, or with aside renames it, and begins a new one of
// the next generation.
func (s *store) discard(gen uint64, aside bool) error {
	s.use.Lock()
	defer s.use.Unlock()
	if err := s.closes(); err != nil && !errors.Is(err, ErrBroken) {
		return err
	}
	s.gen, s.salt = gen, newSalt()
	clear := s.remove
	if aside {
		clear = func() error { return os.Rename(s.path, s.path+asideSuffix) }
	}
	if err := clear(); err != nil {
		return err
	}
	_, err := s.opens(0)
	return err
}

// remove takes the file's name away, so that the next start finds none. Views go on.
func (s *store) remove() error {
	if err := os.Remove(s.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// view runs fn in a read transaction that ends with the call.
func (s *store) view(gen uint64, fn func(view) error) (err error) {
	s.use.RLock()
	defer s.use.RUnlock()
	if s.gen != gen {
		return errStale
	}
	if s.db == nil {
		return errClosed
	}
	defer guard(&err)()
	return s.db.View(func(tx *bbolt.Tx) error { return fn(view{tx, s.salt}) })
}

// update runs fn in a write transaction for which size bytes are set aside
// first. ErrNoSpace: nothing was written, but bbolt must be opened anew.
func (s *store) update(size int64, fn func(*bbolt.Tx) error) (err error) {
	db := s.db // written by this goroutine only
	if db == nil {
		return errClosed
	}
	s.hung = true
	defer guard(&err)()
	tx, err := db.Begin(true)
	if err == nil {
		err = s.commit(tx, size, fn)
	}
	s.hung = false // not reached by a panic
	if noSpace(err) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

func (s *store) commit(tx *bbolt.Tx, size int64, fn func(*bbolt.Tx) error) error {
	err := s.reserve(tx.Size() + size)
	if err == nil {
		err = fn(tx)
	}
	if err == nil {
		err = s.failing("commit")
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// reserve makes the file at least so long. A full disk is met here, before
// bbolt has begun to write.
func (s *store) reserve(size int64) error {
	if err := s.failing("reserve"); err != nil {
		return err
	}
	info, err := s.file.Stat()
	if err != nil || info.Size() >= size {
		return err
	}
	return allocate(s.file, info.Size(), size-info.Size())
}

func (s *store) failing(op string) error {
	if s.hook == nil {
		return nil
	}
	return s.hook(op)
}

// noSpace is true for a full disk or quota met by a write. Met by a flush,
// what is in the page cache can't be trusted any more.
func noSpace(err error) bool {
	var op *fs.PathError
	return errors.As(err, &op) && op.Op != "sync" && (errors.Is(op.Err, syscall.ENOSPC) || errors.Is(op.Err, syscall.EDQUOT))
}

// guard makes panics of bbolt, and faults of its mapping, ErrBroken:
// defer guard(&err)().
func guard(err *error) func() {
	faults := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(faults)
		if p := recover(); p != nil {
			*err = fmt.Errorf("%w: bbolt: %v", ErrBroken, p)
		}
	}
}
