package segment

import (
	"errors"
	"fmt"
	"os"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

const (
	reserveName = "RESERVE"
	// spareSpace is what the reserve has beyond what may have to be written: for the first
	// frames of a start, and for MARK and the index if those were lost.
	spareSpace = 256 << 10
)

// reserve is a file that holds nothing but disk blocks, so that the stream can be opened on
// a full disk: the file that Open must begin is made of it.
//
// No batch is let in by Reserve for which it would be too small. So it always suffices for
// what a process that is killed may leave to its successor: one batch to be written anew,
// and what is decided about it.
type reserve struct {
	fs   fs.FS
	file fs.File // nil: there is none
	size int64   // bytes that it has blocks for
}

// openReserve opens the reserve that the last process left, if it did. What has lost its
// blocks, as a copy can, gets them back, or is none.
func openReserve(f fs.FS) (*reserve, error) {
	file, err := open(f, reserveName)
	if errors.Is(err, os.ErrNotExist) {
		return &reserve{fs: f}, nil
	}
	if err != nil {
		return nil, err
	}
	r := &reserve{fs: f, file: file}
	size, err := file.Size()
	if err == nil && size > 0 {
		err = r.add(size)
	}
	if err != nil && !errors.Is(err, ErrDiskFull) {
		return nil, errors.Join(fmt.Errorf("open %s: %w", reserveName, err), file.Close())
	}
	return r, nil
}

// add allocates n more bytes, or none. (A file system that has too few may leave those that
// it has with the file.)
func (r *reserve) add(n int64) error {
	err := full(r.file.Allocate(r.size, n))
	if err == nil {
		r.size += n
	} else if errors.Is(err, ErrDiskFull) {
		if cut := r.file.Truncate(r.size); cut != nil {
			err = fmt.Errorf("cut %s: %w", reserveName, cut)
		}
	}
	return err
}

// grow makes the reserve so large, or as large as it can be up to floor: then the error is
// ErrDiskFull. Beyond that it takes all or nothing, for what it takes others can't have.
// ErrNoFiles: there is none, and it could not be made.
func (r *reserve) grow(size, floor int64) error {
	begun := r.file == nil
	if begun {
		file, err := r.fs.Create(reserveName)
		if err != nil {
			return fmt.Errorf("begin %s: %w", reserveName, full(err))
		}
		r.file = file
	}
	before := r.size
	var err error
	for missing := size - r.size; missing >= fileHeader; missing = min(missing/2, floor-r.size) {
		missing = alignUp(missing, fileHeader)
		if err = r.add(missing); err == nil && r.size >= size {
			break
		} else if err != nil && !errors.Is(err, ErrDiskFull) {
			return fmt.Errorf("allocate %s: %w", reserveName, err)
		}
	}
	if r.size > before {
		if err := r.file.Sync(); err != nil {
			return fmt.Errorf("flush %s: %w", reserveName, err)
		}
	}
	if begun {
		if err := r.fs.SyncDir(); err != nil {
			return fmt.Errorf("flush the name of %s: %w", reserveName, err)
		}
	}
	if r.size < size {
		return fmt.Errorf("keep %d bytes aside: %w", size, ErrDiskFull)
	}
	return nil
}

// draft makes the draft of a file of the reserve, which is used up then. It gets all of the
// room but the spare space, which is given back. ErrDiskFull: there is not room enough, and
// nothing was done.
func (r *reserve) draft(name string, room, spare int64) (*draft, int64, error) {
	if r.size < room {
		return nil, 0, fmt.Errorf("begin %s: %w: %d bytes are needed, %s has %d", name, ErrDiskFull, room, reserveName, r.size)
	}
	room = max(room, r.size-spare)
	if err := r.close(); err != nil {
		return nil, 0, fmt.Errorf("close %s: %w", reserveName, err)
	}
	if err := r.fs.Rename(reserveName, name+temporary); err != nil {
		return nil, 0, fmt.Errorf("begin %s: %w", name, err)
	}
	file, err := open(r.fs, name+temporary)
	if err != nil {
		return nil, 0, err
	}
	if err := file.Truncate(room); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("cut %s: %w", name, err), file.Close())
	}
	return &draft{fs: r.fs, name: name, file: file}, room, nil
}

// close closes the file. It is idempotent.
func (r *reserve) close() error {
	file := r.file
	r.file, r.size = nil, 0
	if file == nil {
		return nil
	}
	return file.Close()
}

// spare is the space that Open leaves to others when it uses the reserve up.
func spare(limit int64) int64 { return min(spareSpace, limit) }

// atLeast is how large a reserve is whatever is appended.
func atLeast(limit int64) int64 { return 2 * spare(limit) }

// Secure sees to it that n bytes, in batches that follow one another, can be written by
// the next Open and behind it although the disk is full by then. ErrDiskFull: there is no
// space to be kept aside for that. ErrNoFiles: the file that keeps it can't be made for now.
// Any other error is final, as Append's are.
func (s *Store) Secure(n int64) error {
	if s.err != nil {
		return s.err
	}
	need := max(alignUp(fileHeader+n+sealSize, spare(s.limit))+spare(s.limit), atLeast(s.limit))
	if need <= s.reserve.size {
		return nil
	}
	want := max(need, min(2*s.reserve.size, need+maxStep)) // not again for each batch that is a little larger
	err := s.reserve.grow(want, 0)
	if errors.Is(err, ErrDiskFull) && want > need {
		err = s.reserve.grow(need, 0)
	}
	if errors.Is(err, ErrDiskFull) {
		if err = s.cutAhead(); err == nil {
			err = s.reserve.grow(need, atLeast(s.limit))
		}
	}
	switch {
	case err != nil && !Passing(err):
		return s.fail(err)
	case s.reserve.size >= need:
		return nil
	}
	return err
}

// cutAhead gives back the blocks that are ready for the next batches: a start on a full
// disk is worth more.
func (s *Store) cutAhead() error {
	end := alignUp(s.tail.Offset, fileHeader)
	if end >= s.allocated {
		return nil
	}
	if err := s.file.Truncate(end); err != nil {
		return fmt.Errorf("cut segment %d: %w", s.tail.Segment, err)
	}
	s.allocated, s.zeroed = end, min(s.zeroed, end)
	return nil
}
