package index

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"

	"github.com/ringlog/ringlog/blobstore"
)

// A Row says where a run of entries lies: those with the indices First to
// First+Count-1 of a log, which stand next to each other in one batch. Where Place is none
// (see blobstore.Place.IsAway), Index.Away says where else they are.
type Row struct {
	Log     uint32
	First   uint64 // index of the first entry, from 1
	Count   uint32 // at least 1
	Ordinal uint32 // position of the first entry in its batch, from 0
	Time    int64  // of the batch, in nanoseconds since 1970
	Place   blobstore.Place
}

// Last is the index of the row's last entry.
func (r *Row) Last() uint64 { return r.First + uint64(r.Count) - 1 }

func (r *Row) valid() bool {
	return r.First > 0 && r.Count > 0 && r.First <= math.MaxInt64 && r.Place.Offset >= 0 &&
		(!r.Place.IsAway() || r.Place == blobstore.Place{})
}

// A salt is drawn for each file, so that what another file left on the disk
// is not taken for a row of this one.
type salt [8]byte

func newSalt() (s salt) {
	rand.Read(s[:]) // never fails
	return s
}

const (
	rowKeySize = 4 + 8
	maxRowSize = 2*binary.MaxVarintLen32 + 8 + 2*binary.MaxVarintLen64 + 2*binary.MaxVarintLen32 + crc32.Size

	// MaxHolders is how many holders of content are remembered; the nodes that have it beyond
	// those are found by asking.
	MaxHolders  = 16
	maxAwaySize = maxRowSize + len(blobstore.Digest{}) + 1 + MaxHolders*binary.MaxVarintLen64
)

var (
	errRow     = errors.New("damaged row")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// checksum is the CRC-32C of what makes a record.
func (s *salt) checksum(key, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, s[:])
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, value)
}

// seal appends the checksum to a value that begins at dst[from:].
func (s *salt) seal(dst []byte, from int, key []byte) []byte {
	return binary.BigEndian.AppendUint32(dst, s.checksum(key, dst[from:]))
}

// open takes the checksum off a sealed value; ok is false if it's wrong.
func (s *salt) open(key, sealed []byte) (value []byte, ok bool) {
	n := len(sealed) - crc32.Size
	if n < 0 {
		return nil, false
	}
	value = sealed[:n:n]
	return value, binary.BigEndian.Uint32(sealed[n:]) == s.checksum(key, value)
}

// rowKey is log and first index, both big-endian: rows lie in order of log and index.
func rowKey(log uint32, first uint64) (key [rowKeySize]byte) {
	binary.BigEndian.PutUint32(key[:], log)
	binary.BigEndian.PutUint64(key[4:], first)
	return key
}

// appendRow appends the value of a row: count, ordinal, time (8 bytes,
// big-endian), segment, offset, length, where the content begins, checksum; the rest
// are uvarints. Of content that is away: segment 0, digest (32 bytes), the number of holders,
// each, checksum.
func (s *salt) appendRow(dst []byte, key []byte, r *Row, away *blobstore.Away) []byte {
	from := len(dst)
	dst = binary.AppendUvarint(dst, uint64(r.Count))
	dst = binary.AppendUvarint(dst, uint64(r.Ordinal))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.Time))
	dst = binary.AppendUvarint(dst, r.Place.Segment)
	if r.Place.IsAway() {
		return s.seal(appendAway(dst, away), from, key)
	}
	dst = binary.AppendUvarint(dst, uint64(r.Place.Offset))
	dst = binary.AppendUvarint(dst, uint64(r.Place.Length))
	dst = binary.AppendUvarint(dst, uint64(r.Place.Content))
	return s.seal(dst, from, key)
}

func appendAway(dst []byte, away *blobstore.Away) []byte {
	holders := away.Holders[:min(len(away.Holders), MaxHolders)]
	dst = append(dst, away.Digest[:]...)
	dst = append(dst, byte(len(holders)))
	for _, h := range holders {
		dst = binary.AppendUvarint(dst, h)
	}
	return dst
}

// parseRow is the reverse of appendRow; any bytes that it did not write are errRow. away is
// set where the content is; nil: nobody wants to know.
func (s *salt) parseRow(key, sealed []byte, away *blobstore.Away) (r Row, err error) {
	if len(key) != rowKeySize || len(sealed) > maxAwaySize {
		return Row{}, errRow
	}
	value, ok := s.open(key, sealed)
	if !ok {
		return Row{}, errRow
	}
	d := decoder{rest: value}
	r.Log = binary.BigEndian.Uint32(key)
	r.First = binary.BigEndian.Uint64(key[4:])
	r.Count = d.uint32()
	r.Ordinal = d.uint32()
	r.Time = int64(d.fixed64())
	r.Place.Segment = d.uint64()
	if r.Place.IsAway() {
		d.away(away)
	} else {
		r.Place.Offset = int64(d.uint64())
		r.Place.Length = d.uint32()
		r.Place.Content = d.uint32()
	}
	if !d.done() || !r.valid() {
		return Row{}, errRow
	}
	return r, nil
}

// A decoder reads fields one after the other; after the first that isn't
// there, all are zero and it is bad.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) uint64() uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) uint32() uint32 {
	v := d.uint64()
	if v > math.MaxUint32 {
		d.fail()
		return 0
	}
	return uint32(v)
}

func (d *decoder) fixed64() uint64 {
	if b := d.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// bytes takes the next n bytes; nil if there are fewer.
func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// away takes what says where content is that is away.
func (d *decoder) away(a *blobstore.Away) {
	digest := d.bytes(uint64(len(blobstore.Digest{})))
	n := d.bytes(1)
	if d.bad || n[0] > MaxHolders {
		d.fail()
		return
	}
	if a != nil {
		*a = blobstore.Away{Digest: blobstore.Digest(digest)}
	}
	for range n[0] {
		h := d.uint64()
		if a != nil {
			a.Holders = append(a.Holders, h)
		}
	}
}

func (d *decoder) fail() { d.rest, d.bad = nil, true }

func (d *decoder) done() bool { return !d.bad && len(d.rest) == 0 }
