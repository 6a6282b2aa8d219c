package blobstore

import (
	"encoding/binary"
	"slices"
)

// A Part is some entries of a payload, read without the rest of it: for a log that
// shares its batches with many others. The zero value is ready, and is meant to be
// reused. One goroutine at a time.
type Part struct {
	first, count int    // ordinals
	rows         []byte // of the manifest: of the entry before the first, and of each
	content      []byte
	origin       uint32 // of content in the whole content
}

// Read reads the entries first..first+count-1 of a payload whose content begins at
// content, through read, which fills b from an offset of the payload, and checks them
// against their digests. When they and their rows are more than limit bytes it reads no
// more and returns false. ErrManifest: the payload has no such entries, or not as they
// were.
func (p *Part) Read(first, count int, content int64, limit int, read func(off int64, b []byte) error) (bool, error) {
	p.count = 0
	before := min(first, 1) // rows before the first entry's
	n := (before + count) * manifestRow
	if n > limit {
		return false, nil
	}
	at := manifestHeader + int64(first-before)*manifestRow
	if first < 0 || count < 1 || at+int64(n) > content {
		return false, ErrManifest
	}
	p.rows = slices.Grow(p.rows[:0], n)[:n]
	if err := read(at, p.rows); err != nil {
		return false, err
	}
	p.origin = 0
	if before > 0 {
		p.origin = binary.LittleEndian.Uint32(p.rows)
		p.rows = p.rows[manifestRow:]
	}
	size := int64(p.end(count-1)) - int64(p.origin)
	if size < 0 {
		return false, ErrManifest
	}
	if int64(n)+size > int64(limit) {
		return false, nil
	}
	p.content = slices.Grow(p.content[:0], int(size))[:size]
	err := read(content+int64(p.origin), p.content)
	if err != nil {
		return false, err
	}
	return true, p.check(first, count)
}

// check makes the entries readable if each is what its digest says.
func (p *Part) check(first, count int) error {
	last := p.origin
	for i := range count {
		end := p.end(i)
		if end < last || int(end-p.origin) > len(p.content) ||
			Sum(p.content[last-p.origin:end-p.origin]) != Digest(p.rows[i*manifestRow+4:]) {
			return ErrManifest
		}
		last = end
	}
	p.first, p.count = first, count
	return nil
}

// end returns where in the whole content the i-th entry of the part ends.
func (p *Part) end(i int) uint32 { return binary.LittleEndian.Uint32(p.rows[i*manifestRow:]) }

// Has tells whether an entry is among those that were read.
func (p *Part) Has(ordinal int) bool { return ordinal >= p.first && ordinal < p.first+p.count }

// Entry returns an entry that was read, valid until the next Read.
func (p *Part) Entry(ordinal int) []byte {
	i, start := ordinal-p.first, p.origin
	if i > 0 {
		start = p.end(i - 1)
	}
	return p.content[start-p.origin : p.end(i)-p.origin]
}
