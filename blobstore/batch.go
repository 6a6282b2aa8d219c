package blobstore

import (
	"encoding/binary"
	"math"
)

// What a manifest is made of; see the package comment.
const (
	manifestVersion = 0x01
	manifestHeader  = 12     // version, reserved, count, length of the keys
	manifestRow     = 4 + 32 // where the entry ends, its digest
	keyHeader       = 4 + 2  // ordinal, length
)

// MaxKey is the longest key in bytes that a manifest can hold.
const MaxKey = math.MaxUint16

// A Batch gathers entries and makes the manifest that describes them. The zero value
// is an empty batch. It is meant to be reused: Reset keeps its memory. One goroutine
// at a time.
type Batch struct {
	manifest []byte // header and rows; Manifest puts the keys behind them
	keys     []byte
	content  []byte
	count    int
	first    Digest
}

// Reset empties the batch; what Manifest and Content returned is overwritten by what
// follows.
func (b *Batch) Reset() {
	b.manifest, b.keys, b.content, b.count = b.manifest[:0], b.keys[:0], b.content[:0], 0
}

// Add copies an entry, whose digest is d, to the end of the batch. An empty key is
// none. A batch beyond 4 GiB or a key beyond MaxKey is the caller's mistake: it panics.
func (b *Batch) Add(entry []byte, d Digest, key []byte) {
	if uint64(len(b.content))+uint64(len(entry)) > math.MaxUint32 || len(key) > MaxKey {
		panic("blobstore: batch or key too large")
	}
	if b.count == 0 {
		b.first = d
	}
	b.content = append(b.content, entry...)
	b.manifest = b.rows()
	b.manifest = binary.LittleEndian.AppendUint32(b.manifest, uint32(len(b.content)))
	b.manifest = append(b.manifest, d[:]...)
	if len(key) > 0 {
		b.keys = binary.LittleEndian.AppendUint32(b.keys, uint32(b.count))
		b.keys = binary.LittleEndian.AppendUint16(b.keys, uint16(len(key)))
		b.keys = append(b.keys, key...)
	}
	b.count++
}

// rows returns the manifest without its keys, which Manifest may have put behind it.
func (b *Batch) rows() []byte {
	if len(b.manifest) == 0 {
		var header [manifestHeader]byte
		header[0] = manifestVersion
		return append(b.manifest, header[:]...)
	}
	return b.manifest[:manifestHeader+b.count*manifestRow]
}

// Len returns the number of entries.
func (b *Batch) Len() int { return b.count }

// Size returns the bytes of the entries alone.
func (b *Batch) Size() int { return len(b.content) }

// Entry returns an entry that was added, valid until the next call of Add or Reset. It
// panics for an ordinal outside [0, Len), as a slice does.
func (b *Batch) Entry(ordinal int) []byte {
	rows := b.rows()[manifestHeader:]
	start := uint32(0)
	if ordinal > 0 {
		start = binary.LittleEndian.Uint32(rows[(ordinal-1)*manifestRow:])
	}
	return b.content[start:binary.LittleEndian.Uint32(rows[ordinal*manifestRow:])]
}

// Digest names the batch: the digest of the manifest, or of a batch of one the
// entry's own. The two can't be confused, since no entry begins as a manifest does.
func (b *Batch) Digest() Digest {
	if b.count == 1 {
		return b.first
	}
	return Sum(b.Manifest())
}

// Manifest returns the first part of a content frame's payload, valid until the next
// call of Add or Reset.
func (b *Batch) Manifest() []byte {
	b.manifest = append(b.rows(), b.keys...)
	binary.LittleEndian.PutUint32(b.manifest[4:], uint32(b.count))
	binary.LittleEndian.PutUint32(b.manifest[8:], uint32(len(b.keys)))
	return b.manifest
}

// Content returns the rest of the payload: the entries' bytes one after the other,
// valid until the next call of Add or Reset.
func (b *Batch) Content() []byte { return b.content }
