//go:build !linux

package fs

func (f *file) allocate(off, n int64) error { return f.allocateByWriting(off, n) }

// datasync is a full sync where there is nothing less.
func (f *file) datasync() error { return f.File.Sync() }

func (f *file) intact() bool { return true }
