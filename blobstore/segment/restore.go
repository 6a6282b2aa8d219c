package segment

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Restore makes of a stream in `from`, a backup, a new one in the empty directory `to`, with an identity of
// its own: every file's header says so. All is checked as it is copied. Until Restore
// returns without an error, nothing can Open what is there: the first file comes last.
func Restore(from, to fs.FS, o CopyOptions) (Copied, error) {
	src, err := inspectToCopy(from, o)
	if err != nil {
		return Copied{}, err
	}
	c := copier{from: from, to: to, options: o, src: src, identity: Options{}.withDefaults().Identity}
	for i := len(src.files) - 1; i >= 0; i-- {
		if i == 0 {
			if err := c.markRestored(); err != nil {
				return c.told(), err
			}
		}
		if err := c.copyFile(&src.files[i]); err != nil {
			return c.told(), err
		}
	}
	return c.told(), nil
}

// markRestored makes a MARK that says how far the new stream goes.
func (c *copier) markRestored() error {
	m, err := createMark(c.to, mark{identity: c.identity})
	if err != nil {
		return err
	}
	return errors.Join(m.setAndFlush(c.src.last().end), m.file.Close())
}
