package segment

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// A Repair is what can be done about the damage to a directory. It changes nothing until
// Apply.
//
// What it does to a file: a header is written as it was, if that can be told. A byte that
// is wrong alone is told by the checksum and put right. A frame whose payload is not what
// was written is marked as lost and stays where it is, and so are its bytes. Where no
// frame can be told, a gap is put, over all up to the next one. A file that is missing
// becomes one gap. So every frame keeps its place, every batch its number, and whoever
// reads on finds what is lost where it was.
type Repair struct {
	// Damages are what was found, file by file.
	Damages []Damage

	fs    fs.FS
	files map[string]*mended
}

// Damage is what was found wrong in one place, and what is to be done about it.
type Damage struct {
	DamageError
	// Kind and Place are of the frame that is lost. A Kind of 0: nothing is; what was wrong can be put right.
	Kind  Kind
	Place blobstore.Place
	Bytes int64 // that can't be trusted
}

// An UnrepairableError says why no repair is possible, and what is left to do.
type UnrepairableError struct{ DamageError }

func (e *UnrepairableError) Error() string {
	return "can't be repaired: " + e.what() + "; put back a good copy of the file"
}

func (e *UnrepairableError) Unwrap() error { return &e.DamageError }

// ExamineOptions say how Examine goes about it.
type ExamineOptions struct {
	// Marked: look at nothing beyond what MARK says is durable, since the directory may be
	// in use. What was found must then not be repaired.
	Marked   bool
	Progress func(bytes int64) // called with the bytes that were read since; may be nil
}

// Examine reads every frame of a directory and says what is wrong, and what a repair would
// make of it.
//
// An *UnrepairableError says that something is missing that nothing else tells of, a
// *ForeignError that there are files which are not this stream's.
func Examine(f fs.FS, o ExamineOptions) (*Repair, error) {
	r := &Repair{fs: f, files: map[string]*mended{}}
	x := &examination{repair: r, options: o}
	if err := x.run(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	for name, file := range r.files {
		if len(file.patches) == 0 {
			delete(r.files, name)
			if err := file.base.Close(); err != nil {
				return nil, errors.Join(err, r.Close())
			}
		}
	}
	return r, nil
}

// View returns the directory as it will be, to be read only, until Close.
func (r *Repair) View() fs.FS { return &mendedFS{r.fs, r.files} }

// Found reports whether a place is one of those where something is lost.
func (r *Repair) Found(p blobstore.Place) (d Damage, ok bool) {
	for _, d := range r.Damages {
		if d.Kind != 0 && d.Place.Segment == p.Segment && d.Place.Offset == p.Offset {
			return d, true
		}
	}
	return d, false
}

// Apply does the repair. Each file that is replaced is kept beside it, its name followed
// by ".damaged". Interrupted anywhere, each file is as it was or as it is to be, and an
// Examine tells what is left to do. ErrDiskFull: there is no space for the copies.
func (r *Repair) Apply() error {
	names := make([]string, 0, len(r.files))
	for name := range r.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := r.files[name].apply(r.fs, name); err != nil {
			return fmt.Errorf("repair %s: %w", name, err)
		}
	}
	return nil
}

// Close closes the files; the directory stays open.
func (r *Repair) Close() (err error) {
	for _, file := range r.files {
		if file.base != nil {
			err = errors.Join(err, file.base.Close())
		}
	}
	clear(r.files)
	return err
}

func (r *Repair) found(name string, offset, bytes int64, detail string) {
	r.Damages = append(r.Damages, Damage{DamageError: DamageError{name, offset, detail}, Bytes: bytes})
}

// lose says that with what was found last a frame is lost.
func (r *Repair) lose(kind Kind, place blobstore.Place) {
	d := &r.Damages[len(r.Damages)-1]
	d.Kind, d.Place = kind, place
}

func unrepairable(name string, offset int64, format string, args ...any) error {
	return &UnrepairableError{DamageError{name, offset, fmt.Sprintf(format, args...)}}
}
