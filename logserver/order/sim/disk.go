package sim

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// disk is a node's disk: a real segment store on a file system in memory.
type disk struct {
	files *fs.Mem
	store *segment.Store
	flush []segment.Frame // under way
}

// open recovers the store, as every start does.
func (d *disk) open(turn func() (segment.Turn, bool)) (err error) {
	d.store, _, err = segment.Open(d.files, segment.Options{Size: segment.MinSize, Turn: turn})
	return err
}

// crash makes the disk what it may be after the process has ended now: killed, or by a
// power cut. What is being flushed may be there in whole, in part or not at all.
func (w *world) crash(d *disk, power bool) {
	image := func() *fs.Mem {
		if power {
			return d.files.Crash(w.r)
		}
		return d.files.Kill()
	}
	var after *fs.Mem
	if len(d.flush) > 0 && w.chance(2) {
		left := w.r.IntN(6)
		d.files.SetHook(func(op fs.Op) error {
			if !op.Kind.Changes() {
				return nil
			}
			if left--; left < 0 && after == nil {
				after = image()
			}
			if after != nil {
				return errGone
			}
			return nil
		})
		_, _ = d.store.Append(d.flush)
		d.files.SetHook(nil)
	}
	if after == nil {
		after = image()
	}
	lie := w.options.Spoil == SpoilSyncs
	d.files, d.store, d.flush = after, nil, nil
	if lie {
		d.files.Lie(func(fs.Op) bool { return true })
	}
}

var errGone = errors.New("the process has ended")
