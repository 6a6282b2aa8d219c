package segment

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Store is an open stream. Append, Reserve, Secure, Idle and Close are for one caller at a
// time, Tabulate is for another one; the other methods may be called by anybody meanwhile.
type Store struct {
	fs       fs.FS
	limit    int64 // bytes of a file before the next is begun, unless its checkpoint is large
	turn     func() (Turn, bool)
	random   io.Reader
	identity Identity
	handles  *handles
	tabled   tabled
	sortRows int // rows of a table that are sorted at a time

	// Owned by the caller of Append.
	current
	salt    uint32 // of its frames' headers
	tail    point  // where the next batch goes
	encoder encoder
	mark    *marker
	reserve *reserve
	err     error // why nothing more can be appended
	closed  bool

	mu    sync.RWMutex // guards the following
	files []segment    // ascending; the last one's end is the durable position
}

// current is the file that is appended to.
type current struct {
	file      fs.File
	pinned    *handle // file, for readers
	allocated int64   // bytes it has blocks for
	zeroed    int64   // up to here they have been written once
	born      int64   // where what it was begun with ends
	full      int64   // bytes of it before the next is begun
}

// Identity says whose stream it is.
func (s *Store) Identity() Identity { return s.identity }

// Durable returns where the next batch goes: all that was acknowledged lies before, so
// what happens from now on is found by a Scan from here.
func (s *Store) Durable() Position {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.files[len(s.files)-1].end.Position
}

// Size returns how many bytes of the stream lie behind a position.
func (s *Store) Size(from Position) (size int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for i := range s.files {
		f := &s.files[i]
		switch {
		case f.head.number > from.Segment:
			size += f.end.Offset
		case f.head.number == from.Segment:
			size += max(0, f.end.Offset-from.Offset)
		}
	}
	return size
}

// find returns what is known of a file.
func (s *Store) find(number uint64) (segment, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if number == 0 || number > uint64(len(s.files)) {
		return segment{}, false
	}
	return s.files[number-1], true
}

// switchTo makes a draft the file that is appended to: it gets its header and the batches
// that it is begun with, then its name. allocated is how many bytes it has blocks for.
func (s *Store) switchTo(d *draft, head *fileHead, first [][]Frame, allocated int64) error {
	err := s.writeHead(d, head)
	if err == nil {
		err = s.writeFirst(d.file, first)
	}
	if err == nil {
		err = d.publish()
	}
	if err != nil {
		return errors.Join(err, d.file.Close())
	}
	s.current = current{
		file:      d.file,
		pinned:    s.handles.pin(head.number, d.file),
		allocated: allocated,
		zeroed:    s.tail.Offset,
		born:      s.tail.Offset,
		full:      s.limit,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, segment{head: *head, salt: s.salt, end: s.tail, size: s.tail.Offset})
	return nil
}

// writeHead writes the header of a draft, with a new salt. From here on the tail is in
// that file.
func (s *Store) writeHead(d *draft, head *fileHead) error {
	if _, err := io.ReadFull(s.random, head.salt[:]); err != nil {
		return fmt.Errorf("make a salt: %w", err)
	}
	var block [fileHeader]byte
	head.put(block[:])
	if _, err := d.file.WriteAt(block[:], 0); err != nil {
		return fmt.Errorf("write the header of %s: %w", d.name, err)
	}
	s.salt, s.tail = head.salted(), head.start()
	return nil
}

// writeFirst writes the batches that a file is begun with.
func (s *Store) writeFirst(file fs.File, batches [][]Frame) error {
	for _, frames := range batches {
		to := s.encoder.batch(frames, sizeOf(frames), s.salt, s.tail, fileHeader)
		if _, err := file.WriteAt(s.encoder.buf, s.tail.Offset); err != nil {
			return fmt.Errorf("write segment %d: %w", s.tail.Segment, err)
		}
		s.tail = to
	}
	return nil
}

// settled notes that the stream is durable up to the tail.
func (s *Store) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.files[len(s.files)-1]
	last.end, last.size = s.tail, s.tail.Offset
}

// fail makes an error the answer to everything from now on, since it is not known what
// is on the disk.
func (s *Store) fail(err error) error {
	s.err = fmt.Errorf("segments stopped: %w", err)
	return s.err
}

// Idle does what can wait for a moment when nothing is appended: it flushes MARK, and
// makes the blocks ready that the next batches will lie in. It returns at once when there
// is nothing to do. An error is final.
func (s *Store) Idle() error {
	if s.err != nil {
		return s.err
	}
	if err := s.zeroAhead(); err != nil {
		return s.fail(err)
	}
	return s.FlushMark()
}

// FlushMark makes it durable how far the files are. What lies before that stays in its place
// whatever happens; a recovery may write later batches anew, elsewhere. An error is final.
func (s *Store) FlushMark() error {
	if s.err != nil {
		return s.err
	}
	if err := s.mark.flush(); err != nil {
		return s.fail(err)
	}
	return nil
}

// Close flushes MARK and closes the files; reads that are under way end well. The
// directory stays open: it is the caller's. Closing again returns nil.
func (s *Store) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	var err error
	if s.err == nil {
		err = s.mark.flush()
	}
	s.err = ErrClosed
	return errors.Join(err, s.release())
}

// release closes the files.
func (s *Store) release() error {
	err := s.handles.close()
	if s.pinned != nil {
		s.handles.release(s.pinned)
	}
	if s.mark != nil {
		err = errors.Join(err, s.mark.file.Close())
	}
	if s.reserve != nil {
		err = errors.Join(err, s.reserve.close())
	}
	return err
}
