package segment

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Options say how a stream is kept. The zero value is good.
type Options struct {
	// Size is how long a file gets before the next one is begun, in bytes: 256 MiB if 0,
	// at least MinSize. A batch that is longer has a file of its own size.
	Size int64
	// Identity is given to a new stream; a part that is zero is made at random. An
	// existing stream keeps its own.
	Identity Identity

	// Turn, if not nil, is called within Append and Reserve when a file is full: what it
	// returns ends the file and begins the next. False: not now; the file gets longer than
	// Size. Without Turn seals are empty, and there are no checkpoints.
	Turn func() (Turn, bool)

	random io.Reader // of salts and identities; crypto/rand if nil
}

const (
	defaultSize = 256 << 20
	// MinSize is the least Size of Options that has an effect.
	MinSize = 64 << 10
)

// Recovery tells what Open found.
type Recovery struct {
	Founded  bool     // there was nothing; a new stream was begun
	Files    int      // segments, with the one that Open began
	Batches  uint64   // number of the last batch
	Kept     int      // whole batches beyond the durable position that were written anew
	Torn     int64    // bytes of an unfinished batch that was dropped
	DiskFull bool     // the new file had to be made of what was kept aside
	Warnings []string // what an operator should know of, one line each
}

// Open finds the end of the stream in a directory, or founds one, and begins a file to
// append to. Until that file has its name, nothing found is changed in any way.
//
// A *DamageError or *ForeignError means that the stream must not be continued as it is;
// ErrDiskFull that the new file could not be begun, not even of what was kept aside.
func Open(f fs.FS, o Options) (*Store, Recovery, error) {
	o = o.withDefaults()
	in, err := inspect(f)
	if err != nil {
		return nil, Recovery{}, err
	}
	plan := in.founding(o)
	if len(in.files) > 0 {
		if plan, err = in.recover(f); err != nil {
			return nil, Recovery{}, err
		}
	}
	s, err := plan.carryOut(f, o, in)
	if err != nil {
		return nil, Recovery{}, err
	}
	return s, Recovery{
		Founded:  len(in.files) == 0,
		Files:    len(s.files),
		Batches:  s.tail.batch,
		Kept:     len(plan.kept),
		Torn:     plan.torn,
		DiskFull: plan.full,
		Warnings: in.warnings,
	}, nil
}

func (o Options) withDefaults() Options {
	if o.Size == 0 {
		o.Size = defaultSize
	}
	o.Size = max(o.Size, MinSize)
	if o.random == nil {
		o.random = rand.Reader
	}
	for _, id := range []*[16]byte{&o.Identity.Cluster, &o.Identity.Node} {
		if *id == [16]byte{} {
			*id = randomID(o.random)
		}
	}
	return o
}

// randomID makes a random (version 4) UUID.
func randomID(random io.Reader) (id [16]byte) {
	if _, err := io.ReadFull(random, id[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}

// A plan is what the file that Open begins is to be.
type plan struct {
	head fileHead
	kept [][]Frame // batches to be written anew in it
	torn int64
	// trim is how long the last file found may be cut, once the new one is durable:
	// nothing but zeroes lies behind. 0 if it is to be left.
	trim int64
	full bool // the disk was, so that the reserve was used up
}

// founding plans the first file of a new stream.
func (in *inspection) founding(o Options) *plan {
	return &plan{head: fileHead{identity: o.Identity, number: 1, origin: originFounded}}
}

// recover reads the last file and plans the one that ends it.
func (in *inspection) recover(f fs.FS) (*plan, error) {
	last := in.last()
	file, err := open(f, fileName(last.head.number))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := in.readTail(file); err != nil {
		return nil, err
	}
	p := &plan{
		head: fileHead{identity: last.head.identity, number: last.head.number + 1, origin: originRecovered, prev: last.end},
		torn: max(0, in.used-in.whole.Offset),
	}
	if last.end.Offset == fileHeader && p.torn == 0 {
		// Nothing in it is known to be durable: the new file takes its place, and
		// whatever is kept comes to lie where it was.
		p.head.number, p.head.prev = last.head.number, last.head.prev
	} else if p.trim = alignUp(max(in.used, in.whole.Offset), fileHeader); p.trim >= last.size {
		p.trim = 0
	}
	p.kept, err = in.beyond(file)
	return p, err
}

// beyond reads the whole, valid batches beyond the durable position.
func (in *inspection) beyond(file io.ReaderAt) (kept [][]Frame, err error) {
	last := in.last()
	for w := newWalker(file, last.salt, last.end, in.whole.Offset); ; {
		switch err := w.next(); {
		case err == nil:
			kept = append(kept, again(w.frames))
			w.frames, w.window.buf = nil, nil // they stay, the walker takes others
			w.window.at = w.Offset
		case errors.Is(err, io.EOF):
			return kept, nil
		default:
			return nil, fmt.Errorf("read %s again: %w", fileName(last.head.number), err)
		}
	}
}

// carryOut makes the file and begins the store with it.
func (p *plan) carryOut(f fs.FS, o Options, in *inspection) (*Store, error) {
	s := &Store{fs: f, limit: o.Size, turn: o.Turn, sortRows: sortRows, random: o.random, identity: p.head.identity, handles: newHandles(f)}
	s.files = append(s.files, in.files[:p.head.number-1]...)
	p.head.born = bornWith(p.kept)
	if len(in.files) > 0 {
		// A name that a killed process gave may not be durable yet; the new file's must not
		// be before it.
		if err := f.SyncDir(); err != nil {
			return nil, fmt.Errorf("flush the names of the files: %w", err)
		}
	}
	var err error
	if s.reserve, err = openReserve(f); err != nil {
		return nil, err
	}
	d, room, err := p.begin(f, s.reserve, spare(o.Size))
	if err == nil {
		err = s.switchTo(d, &p.head, p.kept, room)
	}
	if err != nil {
		return nil, errors.Join(err, s.reserve.close())
	}
	if err := s.remember(in.mark); err != nil {
		return nil, errors.Join(err, s.release())
	}
	if p.trim > 0 {
		if err := trim(f, p.head.number-1, p.trim); err != nil {
			return nil, errors.Join(err, s.release())
		}
	}
	return s, nil
}

// begin makes the draft of the new file. Where a reserve says that much may have to be
// written by a start, the file gets that room at once.
func (p *plan) begin(f fs.FS, r *reserve, spare int64) (d *draft, room int64, err error) {
	name := fileName(p.head.number)
	room = max(p.head.born, r.size-spare)
	d, err = newDraft(f, name, room)
	if errors.Is(err, ErrDiskFull) && r.size > 0 {
		p.full = true
		return r.draft(name, p.head.born, spare)
	}
	return d, room, err
}

// remember makes MARK, whose last mark found is given, name the new file.
func (s *Store) remember(last mark) (err error) {
	last.identity = s.identity
	if s.mark, err = openMarker(s.fs, last); err != nil {
		return err
	}
	return s.mark.setAndFlush(s.tail)
}

// trim gives back the zeroes at the end of a file.
func trim(f fs.FS, number uint64, size int64) error {
	file, err := open(f, fileName(number))
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}

// View opens a stream only to read it, without changing anything, up to where it is
// known to be durable. It needs no lock: it may be used beside a server, and then shows
// the stream as it was when View was called. Append and Idle give fs.ErrReadOnly. A
// directory without a stream is os.ErrNotExist.
func View(f fs.FS) (*Store, Recovery, error) {
	in, err := inspect(f)
	if err != nil {
		return nil, Recovery{}, err
	}
	if len(in.files) == 0 {
		return nil, Recovery{}, fmt.Errorf("no segments: %w", os.ErrNotExist)
	}
	last := in.last()
	file, err := open(f, fileName(last.head.number))
	if err != nil {
		return nil, Recovery{}, err
	}
	if err := in.readMarked(file); err != nil {
		return nil, Recovery{}, errors.Join(err, file.Close())
	}
	s := &Store{fs: f, identity: last.head.identity, files: in.files, tail: last.end, handles: newHandles(f), err: fs.ErrReadOnly}
	s.pinned = s.handles.pin(last.head.number, file)
	return s, Recovery{Files: len(in.files), Batches: last.end.batch, Warnings: in.warnings}, nil
}

// Identify tells whose stream lies in a directory, from the header of its newest file. One
// without a stream is os.ErrNotExist.
func Identify(f fs.FS) (Identity, error) {
	in, err := inspect(f)
	if err != nil {
		return Identity{}, err
	}
	if len(in.files) == 0 {
		return Identity{}, fmt.Errorf("no segments: %w", os.ErrNotExist)
	}
	return in.last().head.identity, nil
}
