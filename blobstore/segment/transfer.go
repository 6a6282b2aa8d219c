package segment

import (
	"errors"
	"fmt"
	"io"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// transfer copies the batches of one file.
type transfer struct {
	c       *copier
	to      fs.File
	have    *walker // what the backup has of it already, nil at its end
	buf     []byte  // to be written
	at      int64   // where that goes
	written int64
	flushed int64 // of written
}

const (
	copyPiece = 1 << 20
	// copyFlush is how much is written before it is flushed: little enough that who shares the disk
	// isn't kept waiting.
	copyFlush = 8 << 20
)

// run copies what w reads of a file, up to its end.
func (t *transfer) run(w *walker, f *segment) error {
	for {
		from := w.point
		err := w.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = checkKinds(w)
		}
		if err != nil {
			return damaged(err, w.Segment)
		}
		if t.c.options.Progress != nil {
			t.c.options.Progress(uint64(w.Offset - from.Offset))
		}
		if has, err := t.hasAlready(w); err != nil {
			return err
		} else if has {
			continue
		}
		if len(t.buf) == 0 {
			t.at = from.Offset
		}
		t.take(w, from.Offset)
		if err := t.write(copyPiece); err != nil {
			return err
		}
	}
	if err := checkEnd(w, f, false); err != nil {
		return err
	}
	if err := t.write(1); err != nil {
		return err
	}
	if t.written > 0 {
		t.c.written++
		t.c.bytes += t.written
	}
	return nil
}

// take gathers the batch that was read, which began at an offset.
func (t *transfer) take(w *walker, from int64) {
	read := w.window.buf[from-w.window.at:]
	size := int(w.Offset - from)
	t.buf = append(t.buf, read[:min(size, len(read))]...)
	// The zeroes behind the last frame may not have been read.
	t.buf = append(t.buf, zeroes[:max(0, size-len(read))]...)
}

// hasAlready reports whether the backup has the batch that was read.
func (t *transfer) hasAlready(w *walker) (bool, error) {
	if t.have == nil {
		return false, nil
	}
	err := t.have.next()
	if bad := (*flaw)(nil); errors.Is(err, io.EOF) || errors.As(err, &bad) {
		t.have = nil // what a backup that was broken off left there is written over
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s of the backup: %w", fileName(w.Segment), err)
	}
	if t.have.point != w.point {
		return false, fmt.Errorf("%w: in %s batch %d is another one", ErrParted, fileName(w.Segment), w.batch)
	}
	return true, nil
}

// write writes what has been gathered, if it is as much as that.
func (t *transfer) write(least int) error {
	if len(t.buf) < least {
		return nil
	}
	if _, err := t.to.WriteAt(t.buf, t.at); err != nil {
		return fmt.Errorf("write the copy: %w", full(err))
	}
	t.at += int64(len(t.buf))
	t.written += int64(len(t.buf))
	t.buf = t.buf[:0]
	if t.written-t.flushed < copyFlush {
		return nil
	}
	t.flushed = t.written
	if err := t.to.Sync(); err != nil {
		return fmt.Errorf("flush the copy: %w", err)
	}
	return nil
}
