package logserver

import (
	"errors"
	"os"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Identify tells whose data Options name, without opening it. There is none:
// os.ErrNotExist.
func Identify(o Options) (id segment.Identity, err error) {
	if o.Files == nil && o.Blobs == InMemory {
		return id, os.ErrNotExist
	}
	files := o.Files
	if files == nil {
		dir, err := fs.ReadOnly(o.Blobs)
		if err != nil {
			return id, err
		}
		defer func() { err = errors.Join(err, dir.Close()) }()
		files = dir
	}
	return segment.Identify(files)
}
