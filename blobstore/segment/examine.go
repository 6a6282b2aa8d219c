package segment

import (
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"github.com/ringlog/ringlog/blobstore"
)

// examination is the work of Examine.
type examination struct {
	repair   *Repair
	options  ExamineOptions
	mark     mark
	identity Identity
	files    []candidate // number 1 at 0
}

// candidate is a file of the stream, whether or not it is there.
type candidate struct {
	name    string
	number  uint64
	file    *mended
	missing bool
	told    bool     // the header is known
	head    fileHead // if told
	salt    uint32
	first   uint64 // of a header that is not told: number of the first batch
}

func (x *examination) run() error {
	mark, _, err := readMark(x.repair.fs)
	if err != nil {
		return err
	}
	x.mark = mark
	numbers, err := listFiles(x.repair.fs)
	if err != nil {
		return err
	}
	last := mark.Segment
	if n := len(numbers); n > 0 {
		last = max(last, numbers[n-1])
	}
	if last == 0 {
		return fmt.Errorf("no segments: %w", os.ErrNotExist)
	}
	if last > uint64(len(numbers))+maxMissing {
		return unrepairable(fileName(last), 0, "%d files before it are missing", last-1-uint64(len(numbers)))
	}
	for number := uint64(1); number <= last; number++ {
		if err := x.load(number); err != nil {
			return err
		}
	}
	if err := x.identify(); err != nil {
		return err
	}
	if c := &x.files[last-1]; c.missing {
		return unrepairable(c.name, 0, "it was the last file, and nothing else tells what was in it")
	}
	var before point
	for i := range x.files {
		if before, err = x.examine(&x.files[i], before); err != nil {
			return err
		}
	}
	return nil
}

// maxMissing is how many files may be missing: a MARK or a name with an absurd number is
// no reason to make so many.
const maxMissing = 1 << 16

// load opens a file and reads its header, mended if need be.
func (x *examination) load(number uint64) error {
	c := candidate{name: fileName(number), number: number, file: &mended{}}
	defer func() { x.files = append(x.files, c) }()
	file, err := open(x.repair.fs, c.name)
	if errors.Is(err, os.ErrNotExist) {
		c.missing = true
		x.repair.files[c.name] = c.file
		return nil
	}
	if err != nil {
		return err
	}
	c.file.base = file
	x.repair.files[c.name] = c.file
	if c.file.size, err = file.Size(); err != nil {
		return fmt.Errorf("size of %s: %w", c.name, err)
	}
	block, err := readFull(file, make([]byte, fileHeader), 0)
	if err != nil {
		return fmt.Errorf("read %s: %w", c.name, err)
	}
	c.head, err = parseFileHead(c.name, block)
	if damage := (*DamageError)(nil); errors.As(err, &damage) {
		err = x.mendHead(&c, block, damage)
	} else if err == nil {
		c.told = true
	}
	if c.told && c.head.number != number {
		return &ForeignError{c.name, fmt.Sprintf("is segment %d under another name", c.head.number), "give each file its own name back"}
	}
	if c.told {
		c.salt = c.head.salted()
	}
	return err
}

// mendHead tells what a header was from one wrong byte, or what its frames' salt was from
// the frames. If neither can be told, the file is as good as missing.
func (x *examination) mendHead(c *candidate, block []byte, damage *DamageError) error {
	if len(block) == fileHeader && mendSummed(block, 0) {
		head, err := parseFileHead(c.name, block)
		if err == nil && head.number == c.number {
			c.head, c.told = head, true
			c.file.patch(0, block)
			x.repair.found(c.name, 0, fileHeader, damage.Detail)
			return nil
		}
	}
	var p [frameHeader]byte
	if _, err := readFull(c.file, p[:], fileHeader); err != nil {
		return fmt.Errorf("read %s: %w", c.name, err)
	}
	salt := saltOf(p[:])
	if h, ok := parseHeader(p[:], salt, fileHeader); ok && h.ordinal == 0 && h.batch > 0 && x.confirmed(c, salt, &h) {
		c.salt, c.first = salt, h.batch
		x.repair.found(c.name, 0, fileHeader, damage.Detail)
		return nil
	}
	c.missing = true
	return nil
}

// confirmed reports whether a salt told by the first header fits the frame's payload too,
// or the next frame.
func (x *examination) confirmed(c *candidate, salt uint32, h *header) bool {
	if at := fileHeader + frameSize(h.length); at < c.file.size {
		var p [frameHeader]byte
		if _, err := readFull(c.file, p[:], at); err == nil {
			if _, ok := parseHeader(p[:], salt, at); ok {
				return true
			}
		}
	}
	if h.length == 0 || h.length > c.file.size {
		return false
	}
	payload, err := readFull(c.file, make([]byte, h.length), fileHeader+frameHeader)
	return err == nil && crc32.Checksum(payload, castagnoli) == h.payloadCRC
}

// identify finds out whose stream it is.
func (x *examination) identify() error {
	x.identity = x.mark.identity
	for i := range x.files {
		if c := &x.files[i]; c.told {
			if x.identity != (Identity{}) && x.identity != c.head.identity {
				return &ForeignError{c.name, fmt.Sprintf("belongs to %s, other files to %s", c.head.identity, x.identity), moveAway}
			}
			x.identity = c.head.identity
		}
	}
	if x.identity == (Identity{}) {
		return unrepairable(x.files[0].name, 0, "no file tells whose stream this is")
	}
	return nil
}

// bounds is where a file ends, as far as that is known.
type bounds struct {
	end   point // of a file whose next one tells; else zero
	batch uint64
	last  bool // the stream's last file
}

func (x *examination) bounds(c *candidate) bounds {
	if c.number == uint64(len(x.files)) {
		return bounds{last: true}
	}
	next := &x.files[c.number]
	switch {
	case next.told:
		return bounds{end: next.head.prev, batch: next.head.prev.batch}
	case next.first > 0:
		return bounds{batch: next.first - 1}
	}
	return bounds{}
}

// examine reads a file, which follows a point, and returns where it ends.
func (x *examination) examine(c *candidate, before point) (point, error) {
	if !c.told {
		c.head = fileHead{identity: x.identity, number: c.number, origin: originRecovered, prev: before, born: fileHeader}
		if c.number == 1 {
			c.head.prev = point{}
		}
		c.head.salt = saltFor(c.salt, c.number)
		var block [fileHeader]byte
		c.head.put(block[:])
		c.file.patch(0, block[:])
	}
	b := x.bounds(c)
	if c.missing {
		return x.replace(c, b), nil
	}
	s := &survey{x: x, c: c, bounds: b, from: len(x.repair.Damages)}
	return s.run()
}

// replace makes a missing file one gap.
func (x *examination) replace(c *candidate, b bounds) point {
	to := point{Position{c.number, max(b.end.Offset, fileHeader+frameHeader)}, max(b.batch, c.head.prev.batch), b.end.chain}
	detail := "the file is missing"
	if c.file.base != nil {
		detail = "its header can't be told, nor any frame"
	}
	x.repair.found(c.name, 0, to.Offset, detail)
	if b.end.Offset == fileHeader { // it was empty
		to.Offset = fileHeader
		return to
	}
	x.repair.lose(KindGap, blobstore.Place{Segment: c.number, Offset: fileHeader, Length: uint32(to.Offset - fileHeader - frameHeader)})
	c.file.patch(fileHeader, gap(fileHeader, to.Offset, to.batch, c.salt))
	c.file.size = max(c.file.size, to.Offset)
	return to
}

// gap returns the header of a gap.
func gap(from, to int64, batch uint64, salt uint32) []byte {
	h := header{kind: KindGap, version: frameVersion, flags: flagLost | flagLast, length: to - from - frameHeader, batch: batch, at: from}
	p := make([]byte, frameHeader)
	h.put(p, salt)
	return p
}
