package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sort"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// A table is a side file: the digests of a segment's entries, sorted, and where they
// are. It can be made anew at any time, so whatever is wrong with one, it is absent. A
// header block is followed by blocks of rows.
const (
	tableMagic  = "\x9eRLDIG\r\n"
	tableSuffix = ".dig"
	tableBlock  = 4096 // the header, and each block of rows with its checksum at the end
	tableRow    = 16
	blockRows   = (tableBlock - 4) / tableRow
)

// tableName is the name of the table of the segment with a number.
func tableName(number uint64) string { return fmt.Sprintf("%016d%s", number, tableSuffix) }

// row is the first 96 bits of a digest and where the content frame begins, in units of
// 8 bytes. Of equal digests there is one row, the first frame's.
type row struct {
	high uint64
	low  uint32
	at   uint32
}

func rowOf(d *blobstore.Digest, offset int64) row {
	return row{binary.BigEndian.Uint64(d[:]), binary.BigEndian.Uint32(d[8:]), uint32(offset / frameAlign)}
}

// compare orders rows by their digests.
func (r row) compare(o row) int {
	switch {
	case r.high < o.high || r.high == o.high && r.low < o.low:
		return -1
	case r.high == o.high && r.low == o.low:
		return 0
	}
	return 1
}

func (r row) offset() int64 { return int64(r.at) * frameAlign }

func (r row) put(p []byte) {
	binary.BigEndian.PutUint64(p, r.high)
	binary.BigEndian.PutUint32(p[8:], r.low)
	binary.LittleEndian.PutUint32(p[12:], r.at)
}

func parseRow(p []byte) row {
	return row{binary.BigEndian.Uint64(p), binary.BigEndian.Uint32(p[8:]), binary.LittleEndian.Uint32(p[12:])}
}

// tableHead is what a table's header says.
type tableHead struct {
	identity Identity
	number   uint64 // of the segment
	salt     [16]byte
	end      int64 // where the segment ends
	chain    [32]byte
	rows     uint64
}

// headOf is the header of a segment's table, without the number of rows.
func headOf(file *segment) tableHead {
	return tableHead{
		identity: file.head.identity, number: file.head.number, salt: file.head.salt,
		end: file.end.Offset, chain: file.end.chain,
	}
}

func (h *tableHead) put(p []byte) {
	p = p[:tableBlock]
	clear(p)
	le := binary.LittleEndian
	copy(p, tableMagic)
	le.PutUint32(p[8:], fileFormat)
	copy(p[16:], h.identity.Cluster[:])
	copy(p[32:], h.identity.Node[:])
	le.PutUint64(p[48:], h.number)
	copy(p[56:], h.salt[:])
	le.PutUint64(p[72:], uint64(h.end))
	copy(p[80:], h.chain[:])
	le.PutUint64(p[112:], h.rows)
	le.PutUint32(p[tableBlock-4:], crc32.Checksum(p[:tableBlock-4], castagnoli))
}

// errTable says that a table is not there, or not to be used.
var errTable = errors.New("no table")

// table is an open one.
type table struct {
	file  fs.File
	salt  uint32
	rows  uint64
	block [tableBlock]byte
}

// openTable opens the table of a segment. errTable: there is none that is whole and
// of this segment.
func openTable(f fs.FS, file *segment) (*table, error) {
	opened, err := f.Open(tableName(file.head.number))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, fs.ErrNotRegular) {
		return nil, errTable
	}
	if err != nil {
		return nil, err
	}
	t := &table{file: opened, salt: file.salt}
	if err := t.readHead(file); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return t, nil
}

func (t *table) readHead(file *segment) error {
	p, err := readFull(t.file, t.block[:], 0)
	if err != nil {
		return err
	}
	if len(p) < tableBlock {
		return errTable
	}
	head := headOf(file)
	head.rows = binary.LittleEndian.Uint64(p[112:])
	var want [tableBlock]byte
	head.put(want[:])
	size, err := t.file.Size()
	if err != nil {
		return err
	}
	if !bytes.Equal(p, want[:]) || size != tableSize(head.rows) {
		return errTable
	}
	t.rows = head.rows
	return nil
}

// tableSize is how long a table of so many rows is.
func tableSize(rows uint64) int64 {
	return tableBlock * int64(1+(rows+blockRows-1)/blockRows)
}

// sum is the checksum of the n-th block, from 0, which says what it is.
func (t *table) sum(n uint64, p []byte) uint32 {
	var number [8]byte
	binary.LittleEndian.PutUint64(number[:], n)
	return crc32.Update(crc32.Update(t.salt, castagnoli, number[:]), castagnoli, p[:tableBlock-4])
}

// read reads the n-th block of rows and returns how many it has.
func (t *table) read(n uint64) (rows int, err error) {
	p, err := readFull(t.file, t.block[:], tableBlock*int64(1+n))
	if err != nil {
		return 0, err
	}
	if len(p) < tableBlock || binary.LittleEndian.Uint32(p[tableBlock-4:]) != t.sum(n, p) {
		return 0, errTable
	}
	return int(min(blockRows, t.rows-n*blockRows)), nil
}

func (t *table) row(i int) row { return parseRow(t.block[i*tableRow:]) }

// find returns where the frame begins that holds an entry with a digest.
func (t *table) find(d *blobstore.Digest) (offset int64, ok bool, err error) {
	want := rowOf(d, 0)
	low, high := uint64(0), (t.rows+blockRows-1)/blockRows
	for low < high {
		n := low + (high-low)/2
		rows, err := t.read(n)
		if err != nil {
			return 0, false, err
		}
		switch {
		case want.compare(t.row(0)) < 0:
			high = n
		case want.compare(t.row(rows-1)) > 0:
			low = n + 1
		default:
			i := sort.Search(rows, func(i int) bool { return t.row(i).compare(want) >= 0 })
			if i < rows && t.row(i).compare(want) == 0 {
				return t.row(i).offset(), true, nil
			}
			return 0, false, nil
		}
	}
	return 0, false, nil
}

// tableWriter writes rows, which come in their order, into blocks.
type tableWriter struct {
	table
	to    io.WriterAt
	used  int // rows in block
	total uint64
}

func (w *tableWriter) add(r row) error {
	r.put(w.block[w.used*tableRow:])
	w.used++
	w.total++
	if w.used == blockRows {
		return w.flush()
	}
	return nil
}

// flush writes the block that is being filled, if there is anything in it.
func (w *tableWriter) flush() error {
	if w.used == 0 {
		return nil
	}
	n := (w.total - 1) / blockRows
	clear(w.block[w.used*tableRow:])
	binary.LittleEndian.PutUint32(w.block[tableBlock-4:], w.sum(n, w.block[:]))
	w.used = 0
	_, err := w.to.WriteAt(w.block[:], tableBlock*int64(1+n))
	return err
}
