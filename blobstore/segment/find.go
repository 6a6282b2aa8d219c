package segment

import (
	"errors"
	"sync"

	"github.com/ringlog/ringlog/blobstore"
)

// tabled is what is known of segments' tables: that there is a good one, or that the one
// that is there is not. Nothing is known of those that nobody has opened.
type tabled struct {
	mu   sync.Mutex // guards the following
	good map[uint64]bool
}

func (t *tabled) is(number uint64) (good, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	good, known = t.good[number]
	return good, known
}

func (t *tabled) set(number uint64, good bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.good == nil {
		t.good = make(map[uint64]bool)
	}
	t.good[number] = good
}

// Find returns a place whose content holds an entry with a digest, the newest segment's
// first; false if there is none in what is durable. Also found is what was refused when
// it was ordered. The newest segment, and one whose table is not made yet, is read
// through as far as its manifests; that takes time and little memory. It may be called by
// anybody, at any time.
//
// The place has been read, and holds the entry. With an error, it is not known whether
// there is such an entry: some of what might hold it could not be read.
func (s *Store) Find(d blobstore.Digest) (p blobstore.Place, found bool, err error) {
	s.mu.RLock()
	files := append([]segment(nil), s.files...)
	s.mu.RUnlock()
	var failed error
	for i := len(files) - 1; i >= 0; i-- {
		p, found, err := s.findIn(&files[i], &d, i < len(files)-1)
		if found || errors.Is(err, ErrClosed) {
			return p, found, err
		}
		if err != nil {
			failed = err
		}
	}
	return p, false, failed
}

// findIn finds an entry in one segment.
func (s *Store) findIn(file *segment, d *blobstore.Digest, ended bool) (p blobstore.Place, found bool, err error) {
	if ended {
		offset, ok, err := s.lookUp(file, d)
		if err == nil && !ok {
			return p, false, nil
		}
		if err == nil {
			if p, found, err = s.holds(file, offset, d); found {
				return p, found, err
			}
		}
	}
	var candidate error // why a frame that has the digest can't be given
	err = s.contents(file, func(offset int64, digests blobstore.Rows) bool {
		for i := range digests.Len() {
			if digests.Digest(i) == *d {
				if p, found, err = s.holds(file, offset, d); err != nil {
					candidate = err
				}
				return !found
			}
		}
		return true
	}, func() bool { return true })
	if found {
		return p, true, nil
	}
	return blobstore.Place{}, false, errors.Join(err, candidate)
}

// lookUp looks a digest up in a segment's table. One that turns out to be damaged is
// made anew by the next Tabulate.
func (s *Store) lookUp(file *segment, d *blobstore.Digest) (offset int64, ok bool, err error) {
	t, err := openTable(s.fs, file)
	if err == nil {
		offset, ok, err = t.find(d)
		err = errors.Join(err, t.file.Close())
	}
	if err != nil {
		s.tabled.set(file.head.number, false)
	}
	return offset, ok, err
}

// holds reads the content frame at an offset and tells whether it holds an entry with a
// digest.
func (s *Store) holds(file *segment, offset int64, d *blobstore.Digest) (p blobstore.Place, ok bool, err error) {
	h, err := s.handles.acquire(file.head.number)
	if err != nil {
		return p, false, err
	}
	var buf [frameHeader]byte
	b, err := readFull(h, buf[:], offset)
	s.handles.release(h)
	if err != nil {
		return p, false, err
	}
	head, ok := parseHeader(b, file.salt, offset)
	if !ok || head.kind != KindContent {
		return p, false, nothing(blobstore.Place{Segment: file.head.number, Offset: offset})
	}
	p = blobstore.Place{Segment: file.head.number, Offset: offset, Length: uint32(head.length)}
	payload, err := s.Read(p, nil)
	if err != nil {
		return p, false, err
	}
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil {
		return p, false, err
	}
	p.Content = uint32(m.ContentAt())
	for i := range m.Len() {
		if m.Digest(i) == *d && blobstore.Sum(m.Entry(i)) == *d {
			return p, true, nil
		}
	}
	return p, false, nil
}
