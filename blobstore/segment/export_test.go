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

const MaxHandles = maxHandles
