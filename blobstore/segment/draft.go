package segment

import (
	"errors"
	"fmt"
	"os"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// A draft is a file that is being made under a temporary name. It gets its own when all
// of it is durable, so whoever finds a name finds the whole file. Nothing else in this
// package creates or renames files.
type draft struct {
	fs   fs.FS
	name string
	file fs.File
}

// newDraft creates the file with room for size bytes. When there is no space, the error
// is ErrDiskFull and nothing is left behind.
func newDraft(f fs.FS, name string, size int64) (*draft, error) {
	if err := f.Remove(name + temporary); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove what a crash left: %w", err)
	}
	file, err := f.Create(name + temporary)
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", name, full(err))
	}
	d := &draft{fs: f, name: name, file: file}
	if err := file.Allocate(0, size); err != nil {
		return nil, errors.Join(fmt.Errorf("begin %s: %w", name, full(err)), d.abandon())
	}
	return d, nil
}

// publish makes the content durable, then the name. The file stays open.
func (d *draft) publish() error {
	if err := d.file.Sync(); err != nil {
		return fmt.Errorf("flush %s: %w", d.name, err)
	}
	if err := d.fs.Rename(d.name+temporary, d.name); err != nil {
		return fmt.Errorf("name %s: %w", d.name, err)
	}
	if err := d.fs.SyncDir(); err != nil {
		return fmt.Errorf("flush the name of %s: %w", d.name, err)
	}
	return nil
}

// abandon removes the file.
func (d *draft) abandon() error {
	return errors.Join(d.file.Close(), d.fs.Remove(d.name+temporary))
}
