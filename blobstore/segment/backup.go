package segment

import (
	"errors"
	"fmt"
	"os"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// CopyOptions say how Backup and Restore copy.
type CopyOptions struct {
	// Whole: nobody appends to the stream meanwhile, so all whole batches are copied, as Open would
	// keep them. Otherwise those up to where it was known to be durable when the copy began,
	// which holds everything that was acknowledged by then.
	Whole bool
	// Progress is called with the bytes of frames that were read since; may be nil.
	Progress func(bytes uint64)
}

// Copied tells what Backup or Restore did.
type Copied struct {
	Identity Identity // of the stream that was written
	Files    int      // its segments
	Written  int      // of them, those that anything was written to
	Bytes    int64    // that were written
	Batches  uint64   // number of the last batch
	Warnings []string
}

// ErrParted is an error of Backup: the backup is not a beginning of the stream.
var ErrParted = errors.New("the backup is not a beginning of this stream")

// Backup makes `to` a copy of the stream in `from`, which is only read and may be in use. What `to`
// has already stays and is not copied again: of the files that have ended nothing is
// read, of the newest one what the backup lacks is appended. All that is copied is checked
// (checksums, batch numbers, chain); damage is a *DamageError. Broken off at any point, the backup
// is a good copy of less, and another Backup goes on.
//
// A backup of another stream is a *ForeignError; of another past of this one ErrParted. ErrDiskFull:
// there is no space for more of it.
func Backup(from, to fs.FS, o CopyOptions) (Copied, error) {
	src, err := inspectToCopy(from, o)
	if err != nil {
		return Copied{}, err
	}
	dst, err := inspect(to)
	if err != nil {
		return Copied{}, fmt.Errorf("the backup: %w", err)
	}
	c := copier{from: from, to: to, options: o, src: src, identity: src.last().head.identity}
	have, err := c.compare(dst)
	if err != nil {
		return Copied{}, err
	}
	for i := max(0, have-1); i < len(src.files); i++ {
		if i < have {
			err = c.goOn(&src.files[i])
		} else {
			err = c.copyFile(&src.files[i])
		}
		if err == nil {
			err = c.noteEnd(dst, src.files[i].end)
		}
		if err != nil {
			break
		}
	}
	if c.mark != nil {
		err = errors.Join(err, c.mark.file.Close())
	}
	return c.told(), err
}

// inspectToCopy finds out how far the stream goes. The end of its last file is where the copy is
// to end.
func inspectToCopy(from fs.FS, o CopyOptions) (*inspection, error) {
	in, err := inspect(from)
	if err != nil {
		return nil, err
	}
	if len(in.files) == 0 {
		return nil, fmt.Errorf("no segments: %w", os.ErrNotExist)
	}
	last := in.last()
	file, err := open(from, fileName(last.head.number))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if o.Whole {
		err = in.readTail(file)
		last.end = in.whole
	} else {
		err = in.readMarked(file)
	}
	return in, err
}

// copier copies the files of a stream one by one.
type copier struct {
	from, to fs.FS
	options  CopyOptions
	src      *inspection
	identity Identity // of what is written
	mark     *marker
	written  int
	bytes    int64
}

func (c *copier) told() Copied {
	return Copied{c.identity, len(c.src.files), c.written, c.bytes, c.src.last().end.batch, c.src.warnings}
}

// copyFile copies a file from its beginning.
func (c *copier) copyFile(f *segment) error {
	name := fileName(f.head.number)
	source, err := open(c.from, name)
	if err != nil {
		return err
	}
	defer source.Close()
	d, err := newDraft(c.to, name, f.end.Offset)
	if err != nil {
		return err
	}
	head := f.head
	head.identity = c.identity
	var block [fileHeader]byte
	head.put(block[:])
	piece := &transfer{c: c, to: d.file, buf: block[:]}
	err = piece.run(newWalker(source, f.salt, f.head.start(), f.end.Offset), f)
	if err != nil {
		return errors.Join(err, d.abandon())
	}
	return errors.Join(d.publish(), d.file.Close())
}

// goOn copies what the backup's newest file lacks.
func (c *copier) goOn(f *segment) error {
	name := fileName(f.head.number)
	source, err := open(c.from, name)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := open(c.to, name)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return fmt.Errorf("size of %s of the backup: %w", name, err)
	}
	if size < f.end.Offset {
		if err := file.Allocate(size, f.end.Offset-size); err != nil {
			return fmt.Errorf("go on with %s of the backup: %w", name, full(err))
		}
	}
	piece := &transfer{c: c, to: file, have: newWalker(file, f.salt, f.head.start(), size)}
	if err := piece.run(newWalker(source, f.salt, f.head.start(), f.end.Offset), f); err != nil {
		return err
	}
	if piece.have != nil {
		if err := c.goesOn(piece.have, f.head.number+1); err != nil {
			return err
		}
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("flush %s of the backup: %w", name, err)
	}
	return nil
}

// noteEnd notes in the backup's MARK how far it goes now.
func (c *copier) noteEnd(dst *inspection, end point) (err error) {
	if c.mark == nil {
		last := dst.mark
		last.identity = c.identity
		if c.mark, err = openMarker(c.to, last); err != nil {
			return err
		}
	}
	return c.mark.setAndFlush(end)
}
