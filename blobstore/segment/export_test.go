package segment

import "io"

// WithRandom makes salts and identities come from somewhere else.
func (o Options) WithRandom(r io.Reader) Options {
	o.random = r
	return o
}

// OpenFiles is how many files the store keeps open for reading.
func (s *Store) OpenFiles() int {
	s.handles.mu.Lock()
	defer s.handles.mu.Unlock()
	return len(s.handles.open)
}

// SortRows sets how many rows of a table are sorted at a time.
func (s *Store) SortRows(n int) { s.sortRows = n }

const MaxHandles = maxHandles
