package segment

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// segment is a file of the stream.
type segment struct {
	head fileHead
	salt uint32 // of its frames' headers
	end  point  // where it ends; of the last one, how far it is durable
	size int64  // bytes that may be read: also what recovery left lying beyond the end
}

// inspection is what a directory holds. Making one changes nothing in it.
type inspection struct {
	files    []segment // ascending, without gaps
	mark     mark
	warnings []string
	// Of the last file:
	whole point // where its whole, valid batches end: at or beyond its end
	used  int64 // where what is not zero ends
}

// inspect reads all there is but the batches.
func inspect(f fs.FS) (*inspection, error) {
	m, spoilt, err := readMark(f)
	if err != nil {
		return nil, err
	}
	in := &inspection{mark: m}
	if spoilt {
		in.warn("%s was damaged", markName)
	}
	numbers, err := listFiles(f)
	if err != nil {
		return nil, err
	}
	for i, number := range numbers {
		if number != uint64(i)+1 {
			return nil, missing(uint64(i) + 1)
		}
		if err := in.add(f, number); err != nil {
			return nil, err
		}
	}
	return in, in.checkMark()
}

func (in *inspection) warn(format string, args ...any) {
	in.warnings = append(in.warnings, fmt.Sprintf(format, args...))
}

func missing(number uint64) error {
	return &DamageError{fileName(number), 0, "the file is missing"}
}

// listFiles returns the numbers of the files, ascending. What does not end like one is
// not ours to judge.
func listFiles(f fs.FS) (numbers []uint64, err error) {
	names, err := f.List()
	if err != nil {
		return nil, fmt.Errorf("list the files: %w", err)
	}
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		number, ok := fileNumber(name)
		if !ok {
			return nil, &ForeignError{name, "has no name of a segment", moveAway}
		}
		numbers = append(numbers, number)
	}
	slices.Sort(numbers)
	return numbers, nil
}

// add reads the header of the next file and checks that it continues the one before.
func (in *inspection) add(f fs.FS, number uint64) error {
	name := fileName(number)
	file, err := open(f, name)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return fmt.Errorf("size of %s: %w", name, err)
	}
	block, err := readFull(file, make([]byte, fileHeader), 0)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	head, err := parseFileHead(name, block)
	if err != nil {
		return err
	}
	if err := in.checkLink(name, number, &head); err != nil {
		return err
	}
	if len(in.files) > 0 {
		in.last().end = head.prev
	}
	in.files = append(in.files, segment{head: head, salt: head.salted(), size: size})
	return nil
}

func (in *inspection) last() *segment { return &in.files[len(in.files)-1] }

// checkLink checks what a header says against the file's name and the file before.
func (in *inspection) checkLink(name string, number uint64, head *fileHead) error {
	if head.number != number {
		return &ForeignError{name, fmt.Sprintf("is segment %d under another name", head.number), "give each file its own name back"}
	}
	if len(in.files) == 0 {
		return nil
	}
	before := in.last()
	if mine := before.head.identity; head.identity != mine {
		return &ForeignError{name, fmt.Sprintf("belongs to %s, the files before it to %s", head.identity, mine), moveAway}
	}
	if head.prev.Segment != number-1 || head.prev.batch < before.head.prev.batch || head.prev.Offset < fileHeader {
		return &DamageError{name, 0, "it does not continue the file before it"}
	}
	if head.prev.Offset > before.size {
		return &DamageError{fileName(number - 1), before.size, fmt.Sprintf("it must have %d bytes, says the file after it", head.prev.Offset)}
	}
	return nil
}

// checkMark checks MARK against the headers.
func (in *inspection) checkMark() error {
	m := &in.mark
	switch {
	case m.sequence == 0:
		if len(in.files) > 1 || len(in.files) == 1 && in.last().size > fileHeader {
			in.warn("%s was missing", markName)
		}
		return nil
	case len(in.files) == 0:
		return missing(1)
	case m.identity != in.last().head.identity:
		return &ForeignError{markName, fmt.Sprintf("belongs to %s, the segments to %s", m.identity, in.last().head.identity),
			"remove it; a new one is made"}
	case m.Segment > uint64(len(in.files)):
		return missing(uint64(len(in.files)) + 1)
	case m.Segment < uint64(len(in.files)):
		if end := in.files[m.Segment].head.prev; m.Offset > end.Offset {
			return &DamageError{fileName(m.Segment + 1), 0, fmt.Sprintf(
				"it says that the file before it ends at %d, but that was durable up to %d", end.Offset, m.Offset)}
		}
	}
	return nil
}

// marked returns how far the last file was durable for certain before anything was read
// of it.
func (in *inspection) marked() int64 {
	if in.mark.Segment == in.last().head.number {
		return max(in.mark.Offset, in.last().head.born)
	}
	return in.last().head.born
}

// ending is where a batch ends. If that is the end of a gap, the file may have been durable
// up to somewhere in it.
type ending struct {
	point
	ragged bool
}

// readTail reads the last file and finds where it ends: how far it was durable, and
// what lies beyond. A bad end is a torn tail; anything else that is bad is damage.
func (in *inspection) readTail(file io.ReaderAt) error {
	last := in.last()
	w := newWalker(file, last.salt, last.head.start(), last.size)
	durable := in.marked()
	ends := []ending{{point: w.point}} // between batches, from the durable one on
	bad := &flaw{offset: last.size, detail: "the file ends here"}
	for {
		if err := in.checkBatch(w); err != nil {
			return err
		}
		err := w.next()
		if errors.Is(err, io.EOF) || errors.As(err, &bad) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", fileName(last.head.number), err)
		}
		for i := range w.frames {
			durable = max(durable, w.frames[i].durable)
		}
		ends = append(ends, ending{w.point, w.ragged})
		for len(ends) > 1 && ends[0].Offset < durable {
			ends = ends[1:]
		}
	}
	later, used, err := search(file, last.salt, w.batch+1, w.Offset, last.size)
	if err != nil {
		return fmt.Errorf("read %s: %w", fileName(last.head.number), err)
	}
	in.whole, in.used, last.end = w.point, used, ends[0].point
	switch {
	case w.Offset < durable:
		return in.damage(bad.offset, "%s, and the file was durable up to %d", bad.detail, durable)
	case later > 0:
		return in.damage(bad.offset, "%s, and a later batch follows at %d", bad.detail, later)
	case ends[0].Offset != durable && !ends[0].ragged:
		return in.damage(ends[0].Offset, "a batch ends here, and none at %d, up to where the file was durable", durable)
	}
	return nil
}

func (in *inspection) damage(offset int64, format string, args ...any) error {
	return &DamageError{fileName(in.last().head.number), offset, fmt.Sprintf(format, args...)}
}

// readMarked reads the last file as far as it was durable before, and looks at nothing
// beyond: another process may be writing there.
func (in *inspection) readMarked(file io.ReaderAt) error {
	last := in.last()
	w := newWalker(file, last.salt, last.head.start(), in.marked())
	for {
		if err := in.checkBatch(w); err != nil {
			return err
		}
		err := w.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err, last.head.number)
		}
	}
	in.whole, last.end = w.point, w.point
	return nil
}

// checkBatch checks the batch that the walker has just read of the last file.
func (in *inspection) checkBatch(w *walker) error {
	if w.Position == in.mark.Position && w.batch != in.mark.batch {
		return in.damage(w.Offset, "batch %d ends here, and %s says batch %d", w.batch, markName, in.mark.batch)
	}
	return checkKinds(w)
}

// checkKinds refuses frames of a batch that must be known and are not.
func checkKinds(w *walker) error {
	for i := range w.frames {
		if f := &w.frames[i]; !f.understood() && !f.ignorable() {
			return &ForeignError{
				fileName(w.Segment),
				fmt.Sprintf("holds a frame that this version does not know, at offset %d (kind %d, version %d, codec %d, hash %d)",
					f.at, f.kind, f.version, f.codec, f.hash),
				upgrade,
			}
		}
	}
	return nil
}
