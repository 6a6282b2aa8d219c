package segment

import (
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// mended is a file as a repair would leave it: its bytes, some of them replaced. It is
// only read.
type mended struct {
	base    fs.File // nil: the file is missing
	size    int64
	patches []patch // a later one lies over an earlier one
}

// patch replaces bytes of a file.
type patch struct {
	at    int64
	bytes []byte
}

func (m *mended) patch(at int64, p []byte) {
	m.patches = append(m.patches, patch{at, slices.Clone(p)})
	m.size = max(m.size, at+int64(len(p)))
}

func (m *mended) ReadAt(p []byte, off int64) (n int, err error) {
	whole := len(p)
	p = p[:max(0, min(int64(whole), m.size-off))]
	if m.base != nil {
		n, err = m.base.ReadAt(p, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return n, err
		}
	}
	clear(p[n:])
	for _, patch := range m.patches {
		from, to := max(off, patch.at), min(off+int64(len(p)), patch.at+int64(len(patch.bytes)))
		if from < to {
			copy(p[from-off:to-off], patch.bytes[from-patch.at:])
		}
	}
	if len(p) < whole {
		return len(p), io.EOF
	}
	return len(p), nil
}

func (m *mended) WriteAt([]byte, int64) (int, error) { return 0, fs.ErrReadOnly }
func (m *mended) Allocate(int64, int64) error        { return fs.ErrReadOnly }
func (m *mended) Truncate(int64) error               { return fs.ErrReadOnly }
func (m *mended) Size() (int64, error)               { return m.size, nil }
func (m *mended) WillRead(off, n int64) {
	if m.base != nil {
		m.base.WillRead(off, n)
	}
}
func (m *mended) Sync() error  { return fs.ErrReadOnly }
func (m *mended) Close() error { return nil } // the Repair closes it

// mendedFS is a directory as a repair would leave it.
type mendedFS struct {
	fs.FS
	files map[string]*mended
}

func (m *mendedFS) Open(name string) (fs.File, error) {
	if file, ok := m.files[name]; ok {
		return file, nil
	}
	return m.FS.Open(name)
}

func (m *mendedFS) List() ([]string, error) {
	names, err := m.FS.List()
	for name := range m.files {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

func (m *mendedFS) Create(string) (fs.File, error) { return nil, fs.ErrReadOnly }
func (m *mendedFS) Rename(string, string) error    { return fs.ErrReadOnly }
func (m *mendedFS) Remove(string) error            { return fs.ErrReadOnly }
func (m *mendedFS) SyncDir() error                 { return fs.ErrReadOnly }
func (m *mendedFS) Close() error                   { return nil }

// apply makes the file what it was mended to be, keeping a copy of what it was: the copy
// first, then the new one under a temporary name, then the rename that is the only effect.
func (m *mended) apply(f fs.FS, name string) error {
	if m.base != nil {
		kept, err := freeName(f, name+".damaged")
		if err != nil {
			return err
		}
		size, err := m.base.Size()
		if err != nil {
			return err
		}
		if err := writeCopy(f, kept, m.base, size, size); err != nil {
			return err
		}
	}
	content := m.size
	if m.base == nil { // a header and a gap: the rest need not take space
		last := m.patches[len(m.patches)-1]
		content = last.at + int64(len(last.bytes))
	}
	return writeCopy(f, name, m, content, m.size)
}

// writeCopy writes the first n bytes of a file to another, durably, and makes that as long
// as size.
func writeCopy(f fs.FS, name string, from io.ReaderAt, n, size int64) error {
	d, err := newDraft(f, name, n)
	if err != nil {
		return err
	}
	buf := make([]byte, min(n, 1<<20))
	for at := int64(0); at < n; at += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), n-at)]
		p, err := readFull(from, buf, at)
		if err == nil {
			_, err = d.file.WriteAt(p, at)
		}
		if err != nil {
			return errors.Join(err, d.abandon())
		}
	}
	if size > n {
		if err := d.file.Truncate(size); err != nil {
			return errors.Join(err, d.abandon())
		}
	}
	return errors.Join(d.publish(), d.file.Close())
}

// freeName returns a name that no file has: the given one, or it with a number.
func freeName(f fs.FS, name string) (string, error) {
	names, err := f.List()
	if err != nil {
		return "", err
	}
	free := name
	for i := 2; slices.Contains(names, free); i++ {
		free = name + "." + strconv.Itoa(i)
	}
	return free, nil
}
