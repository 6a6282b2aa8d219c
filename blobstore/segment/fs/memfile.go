package fs

import (
	"io"
	"os"
	"sync/atomic"
)

// memFile is an open file of a Mem. Like a real one it stays the same file when its
// name changes or goes.
type memFile struct {
	mem    *Mem
	name   string
	node   *inode
	closed atomic.Bool
}

// do calls fn unless the file was closed or the hook refuses; writers exclude readers.
func (f *memFile) do(op Op, fn func()) error {
	op.Name = f.name
	if f.closed.Load() {
		return &os.PathError{Op: string(op.Kind), Path: f.name, Err: os.ErrClosed}
	}
	if err := f.mem.before(op); err != nil {
		return err
	}
	if op.Kind.Changes() {
		f.mem.mu.Lock()
		defer f.mem.mu.Unlock()
	} else {
		f.mem.mu.RLock()
		defer f.mem.mu.RUnlock()
	}
	fn()
	return nil
}

func (f *memFile) ReadAt(p []byte, off int64) (n int, err error) {
	err = f.do(Op{Kind: OpReadAt, Off: off, Len: int64(len(p))}, func() { n = f.node.readAt(p, off) })
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	full := false
	err := f.do(Op{Kind: OpWriteAt, Off: off, Len: int64(len(p))}, func() {
		if full = !f.mem.fits(f.node, off+int64(len(p))); !full {
			f.node.writeAt(p, off)
		}
	})
	if err = orNoSpace(err, full); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *memFile) Allocate(off, n int64) error {
	full := false
	err := f.do(Op{Kind: OpAllocate, Off: off, Len: n}, func() {
		if full = !f.mem.fits(f.node, off+n); !full {
			f.node.resize(max(f.node.size, off+n))
		}
	})
	return orNoSpace(err, full)
}

func orNoSpace(err error, full bool) error {
	if err == nil && full {
		return ErrNoSpace
	}
	return err
}

func (f *memFile) Truncate(size int64) error {
	return f.do(Op{Kind: OpTruncate, Len: size}, func() { f.node.truncate(size) })
}

func (f *memFile) Size() (size int64, err error) {
	err = f.do(Op{Kind: OpSize}, func() { size = f.node.size })
	return size, err
}

func (f *memFile) WillRead(int64, int64) {}

func (f *memFile) Sync() error {
	return f.do(Op{Kind: OpSync}, func() {
		if !f.mem.lies(Op{Kind: OpSync, Name: f.name}) {
			f.node.sync()
		}
	})
}

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return &os.PathError{Op: "close", Path: f.name, Err: os.ErrClosed}
	}
	return nil
}
