package blobstore

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// ErrManifest is what Parse says of bytes that no Batch made.
var ErrManifest = errors.New("not a manifest and its content")

// A Manifest gives access to the entries of a content frame's payload without copying
// them: what its methods return lies in the payload. The zero value is ready, and is
// meant to be reused. Several goroutines may read a parsed one.
type Manifest struct {
	bytes   []byte // the manifest itself
	content []byte
	keys    []keyAt // ascending by ordinal
	count   int
}

// keyAt is where in the manifest an entry's key lies.
type keyAt struct{ ordinal, start, end uint32 }

// Parse reads the payload of a content frame. It takes exactly what Batch makes and
// answers anything else with ErrManifest; it does not compute digests. After an error
// the manifest is empty.
func (m *Manifest) Parse(payload []byte) error {
	*m = Manifest{keys: m.keys[:0]}
	if len(payload) < manifestHeader || [4]byte(payload) != [4]byte{manifestVersion} {
		return ErrManifest
	}
	count := uint64(binary.LittleEndian.Uint32(payload[4:]))
	keys := uint64(binary.LittleEndian.Uint32(payload[8:]))
	table := manifestHeader + count*manifestRow
	if table+keys > min(uint64(len(payload)), math.MaxUint32) {
		return ErrManifest
	}
	parsed := Manifest{
		bytes:   payload[: table+keys : table+keys],
		content: payload[table+keys:],
		keys:    m.keys,
		count:   int(count),
	}
	if !parsed.checkEnds() || !parsed.parseKeys(uint32(table)) {
		return ErrManifest
	}
	*m = parsed
	return nil
}

// checkEnds reports whether the entries lie one after the other and fill the content.
func (m *Manifest) checkEnds() bool {
	last := uint32(0)
	for i := range m.count {
		end := m.end(i)
		if end < last {
			return false
		}
		last = end
	}
	return uint64(last) == uint64(len(m.content))
}

// parseKeys notes where the keys lie, from offset at on.
func (m *Manifest) parseKeys(at uint32) bool {
	next := uint64(0) // the least ordinal that may have the next key
	for rest := m.bytes[at:]; len(rest) > 0; {
		if len(rest) < keyHeader {
			return false
		}
		ordinal := binary.LittleEndian.Uint32(rest)
		length := int(binary.LittleEndian.Uint16(rest[4:]))
		if uint64(ordinal) < next || uint64(ordinal) >= uint64(m.count) ||
			length == 0 || length > len(rest)-keyHeader {
			return false
		}
		start := at + keyHeader
		at = start + uint32(length)
		m.keys = append(m.keys, keyAt{ordinal, start, at})
		rest, next = rest[keyHeader+length:], uint64(ordinal)+1
	}
	return true
}

func (m *Manifest) row(ordinal int) []byte {
	return m.bytes[manifestHeader+ordinal*manifestRow:][:manifestRow]
}

func (m *Manifest) end(ordinal int) uint32 {
	return binary.LittleEndian.Uint32(m.row(ordinal))
}

// Len returns the number of entries. The methods below panic for an ordinal outside
// [0, Len), as a slice does.
func (m *Manifest) Len() int { return m.count }

// Entry returns an entry's bytes.
func (m *Manifest) Entry(ordinal int) []byte {
	start := uint32(0)
	if ordinal > 0 {
		start = m.end(ordinal - 1)
	}
	end := m.end(ordinal)
	return m.content[start:end:end]
}

// Digest returns what the manifest says the entry's digest is.
func (m *Manifest) Digest(ordinal int) Digest { return Digest(m.row(ordinal)[4:]) }

// Key returns the key that an entry was appended with, nil if it had none.
func (m *Manifest) Key(ordinal int) []byte {
	i, ok := slices.BinarySearchFunc(m.keys, uint32(ordinal), func(k keyAt, o uint32) int {
		return int(int64(k.ordinal) - int64(o))
	})
	if !ok {
		return nil
	}
	return m.bytes[m.keys[i].start:m.keys[i].end]
}

// Count returns how many entries a payload says that it has; 0: it is none.
func Count(payload []byte) uint32 {
	if len(payload) < manifestHeader || [4]byte(payload) != [4]byte{manifestVersion} {
		return 0
	}
	return binary.LittleEndian.Uint32(payload[4:])
}

// EntriesBefore returns about how many entries a manifest of that many bytes describes: with
// keys it may be fewer.
func EntriesBefore(content int) int { return max(0, content-manifestHeader) / manifestRow }

// ContentAt returns where in the payload the content begins.
func (m *Manifest) ContentAt() int { return len(m.bytes) }

// BatchDigest names the batch, as Batch.Digest does.
func (m *Manifest) BatchDigest() Digest {
	if m.count == 1 {
		return m.Digest(0)
	}
	return Sum(m.bytes)
}

// HeadSize is how many bytes of a payload tell how long its manifest is.
const HeadSize = manifestHeader

// Rows are the rows of a manifest, read without the rest of the payload.
type Rows []byte

// ReadHead returns, of the payload that begins with head, how many bytes of rows follow
// the head, and where the content begins. Bytes that no manifest begins with are
// ErrManifest.
func ReadHead(head []byte) (rows, content int64, err error) {
	if len(head) < HeadSize || [4]byte(head) != [4]byte{manifestVersion} {
		return 0, 0, ErrManifest
	}
	rows = manifestRow * int64(binary.LittleEndian.Uint32(head[4:]))
	return rows, HeadSize + rows + int64(binary.LittleEndian.Uint32(head[8:])), nil
}

// Len returns the number of entries.
func (r Rows) Len() int { return len(r) / manifestRow }

// Digest returns what the i-th row says the entry's digest is.
func (r Rows) Digest(i int) Digest { return Digest(r[i*manifestRow+4:]) }
