//go:build !linux

package fs

func (f *file) allocate(off, n int64) error { return f.allocateByWriting(off, n) }

// datasync is a full sync where there is nothing less.
func (f *file) datasync() error { return f.File.Sync() }

// WillRead does nothing: the system is left to its own guess.
func (f *file) WillRead(int64, int64) {}

func (f *file) intact() bool { return true }
