package segment

import (
	"errors"
	"sync"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// maxHandles is how many files are kept open that nobody is reading.
const maxHandles = 64

// handles keeps files open for reading. One that is in use is never closed.
type handles struct {
	fs fs.FS

	mu     sync.Mutex // guards the following
	open   map[uint64]*handle
	uses   uint64 // so far, to know the one used longest ago
	closed bool
}

type handle struct {
	fs.File
	users int
	used  uint64
}

func newHandles(f fs.FS) *handles { return &handles{fs: f, open: map[uint64]*handle{}} }

// pin adds a file that is open already and stays in use until it is released.
func (hs *handles) pin(number uint64, file fs.File) *handle {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := &handle{File: file, users: 1}
	hs.open[number] = h
	return h
}

// acquire returns an open file, to be given to release.
func (hs *handles) acquire(number uint64) (*handle, error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if hs.closed {
		return nil, ErrClosed
	}
	h := hs.open[number]
	if h == nil {
		file, err := open(hs.fs, fileName(number))
		if noFiles(err) {
			hs.closeUnused(0)
			file, err = open(hs.fs, fileName(number))
		}
		if err != nil {
			return nil, err
		}
		h = &handle{File: file}
		hs.open[number] = h
	}
	hs.uses++
	h.users, h.used = h.users+1, hs.uses
	hs.evict()
	return h, nil
}

// evict closes the files used longest ago when there are too many; mu is held.
func (hs *handles) evict() { hs.closeUnused(maxHandles) }

// closeUnused closes the files used longest ago that nobody is reading, until so many are
// open; mu is held.
func (hs *handles) closeUnused(most int) {
	for len(hs.open) > most {
		var oldest uint64
		for number, h := range hs.open {
			if h.users == 0 && (oldest == 0 || h.used < hs.open[oldest].used) {
				oldest = number
			}
		}
		if oldest == 0 {
			return
		}
		hs.open[oldest].Close() // it was only read since it was last flushed
		delete(hs.open, oldest)
	}
}

func (hs *handles) release(h *handle) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.users--
	if hs.closed && h.users == 0 {
		h.Close()
	}
	hs.evict() // a file that was appended to stays open for its readers
}

// close closes the files; those in use when they are released.
func (hs *handles) close() (err error) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	hs.closed = true
	for _, h := range hs.open {
		if h.users == 0 {
			err = errors.Join(err, h.Close())
		}
	}
	clear(hs.open)
	return err
}
