package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
)

// The layout of a bbolt file, from its internal/common (page.go, meta.go,
// bucket.go); integers are in the machine's byte order.
const (
	pageHeaderSize = 16 // id u64, flags u16, count u16, overflow u32
	elementSize    = 16 // branch: position, key size u32, page u64; leaf: flags, position, key size, value size u32
	bucketSize     = 16 // root page u64, sequence u64; root 0: its only page follows
	metaSize       = 64

	branchFlag   = 1
	leafFlag     = 2
	freelistFlag = 16
	bucketFlag   = 1 // of a leaf's element
	metaMagic    = 0xED0CDAED
	metaVersion  = 2

	maxDepth  = 64
	deepBelow = 64 << 20 // files up to this size are read whole when opened
)

var (
	errNotIndex = errors.New("not an index file")
	native      = binary.NativeEndian
)

// examine says what is wrong with the structure of a bbolt file: errNotIndex
// if it isn't one, another error if it is a damaged one. Branch pages, the free
// list and the root are read, with deep all leaf pages as well. What it accepts
// has each page in one place only, so that no walk through it goes on for ever and
// no write lands on what is in use.
func examine(f io.ReaderAt, size int64, deep bool) error {
	m, err := readMeta(f, size)
	if err != nil {
		return err
	}
	if m.pages > uint64(size)/m.pageSize || m.pages > 1<<48 {
		return fmt.Errorf("file ends at %d, before its last page", size)
	}
	e := &examiner{file: f, meta: m, deep: deep, claimed: make([]uint64, m.pages/64+1)}
	if err := e.freelist(); err != nil {
		return err
	}
	_, err = e.tree(m.root, bounds{}, 0, true)
	return err
}

type meta struct{ pageSize, root, freelist, pages, txid uint64 }

// readMeta takes the newer of the valid meta pages, as bbolt does.
func readMeta(f io.ReaderAt, size int64) (meta, error) {
	first, ok0 := metaAt(f, 0)
	if ok0 {
		if second, ok := metaAt(f, int64(first.pageSize)); ok && second.txid > first.txid {
			return second, nil
		}
		return first, nil
	}
	for at := int64(1024); at <= 1024<<14 && at < size; at *= 2 {
		if second, ok := metaAt(f, at); ok && second.pageSize == uint64(at) {
			return second, nil
		}
	}
	return meta{}, errNotIndex
}

func metaAt(f io.ReaderAt, offset int64) (m meta, ok bool) {
	var b [pageHeaderSize + metaSize]byte
	if _, err := f.ReadAt(b[:], offset); err != nil {
		return meta{}, false
	}
	p := b[pageHeaderSize:]
	sum := fnv.New64a()
	sum.Write(p[:56])
	if native.Uint32(p) != metaMagic || native.Uint32(p[4:]) != metaVersion || native.Uint64(p[56:]) != sum.Sum64() {
		return meta{}, false
	}
	m = meta{
		pageSize: uint64(native.Uint32(p[8:])),
		root:     native.Uint64(p[16:]),
		freelist: native.Uint64(p[32:]),
		pages:    native.Uint64(p[40:]),
		txid:     native.Uint64(p[48:]),
	}
	return m, m.pageSize >= 1024 && m.pageSize <= 1024<<14 && m.pageSize&(m.pageSize-1) == 0
}

type examiner struct {
	meta
	file    io.ReaderAt
	deep    bool
	claimed []uint64 // a bit a page: it has its place
	scratch []byte
}

// claim says that pages have their place, which no other may then have.
func (e *examiner) claim(id, n uint64) error {
	if id < 2 || id >= e.pages || n > e.pages-id {
		return fmt.Errorf("page %d is not in the file", id)
	}
	for ; n > 0; n-- {
		word, bit := &e.claimed[id/64], uint64(1)<<(id%64)
		if *word&bit != 0 {
			return fmt.Errorf("page %d is used twice", id)
		}
		*word |= bit
		id++
	}
	return nil
}

type page struct {
	flags, count uint16
	data         []byte // with its header and overflow
}

// read reads and claims a page; it is valid until the next read.
func (e *examiner) read(id uint64) (page, error) {
	if id < 2 || id >= e.pages {
		return page{}, fmt.Errorf("page %d is not in the file", id)
	}
	e.scratch = slices.Grow(e.scratch[:0], int(e.pageSize))[:e.pageSize]
	if _, err := e.file.ReadAt(e.scratch, int64(id*e.pageSize)); err != nil {
		return page{}, fmt.Errorf("read page %d: %w", id, err)
	}
	if native.Uint64(e.scratch) != id {
		return page{}, fmt.Errorf("page %d has another's number", id)
	}
	overflow := uint64(native.Uint32(e.scratch[12:]))
	if err := e.claim(id, overflow+1); err != nil {
		return page{}, err
	}
	if overflow > 0 {
		size := (overflow + 1) * e.pageSize
		e.scratch = slices.Grow(e.scratch, int(size-e.pageSize))[:size]
		if _, err := e.file.ReadAt(e.scratch[e.pageSize:], int64((id+1)*e.pageSize)); err != nil {
			return page{}, fmt.Errorf("read page %d: %w", id, err)
		}
	}
	return parsePage(e.scratch), nil
}

func parsePage(data []byte) page {
	return page{flags: native.Uint16(data[8:]), count: native.Uint16(data[10:]), data: data}
}

// freelist claims the free pages, so that no tree may have them.
func (e *examiner) freelist() error {
	p, err := e.read(e.meta.freelist) // one that is not written (^0) is not one of ours
	if err != nil {
		return fmt.Errorf("free list: %w", err)
	}
	ids, n := p.data[pageHeaderSize:], uint64(p.count)
	if n == 0xFFFF {
		n = native.Uint64(ids)
		ids = ids[8:]
	}
	if p.flags != freelistFlag || n > uint64(len(ids)/8) {
		return errors.New("damaged free list")
	}
	for ; n > 0; n-- {
		if err := e.claim(native.Uint64(ids), 1); err != nil {
			return fmt.Errorf("free list: %w", err)
		}
		ids = ids[8:]
	}
	return nil
}

// bounds are the keys that a branch allows below it: low <= key < high; nil: any.
type bounds struct{ low, high []byte }

func (b bounds) hold(key []byte) bool {
	return bytes.Compare(b.low, key) <= 0 && (b.high == nil || bytes.Compare(key, b.high) < 0)
}

// tree walks a bucket's tree and says whether its page is a leaf. Of leaves
// beside each other only the first is read, unless deep.
func (e *examiner) tree(id uint64, within bounds, depth int, deep bool) (leaf bool, err error) {
	p, err := e.read(id)
	if err != nil {
		return false, err
	}
	if depth == maxDepth {
		return false, fmt.Errorf("page %d lies too deep", id)
	}
	if p.flags == leafFlag {
		return true, e.leaf(p, within, depth)
	}
	if p.flags != branchFlag || p.count == 0 {
		return false, fmt.Errorf("damaged page %d", id)
	}
	e.scratch = nil // the page is needed while its children are read
	return false, e.branch(p.data, int(p.count), within, depth, deep)
}

func (e *examiner) branch(data []byte, count int, within bounds, depth int, deep bool) error {
	children := make([]uint64, count)
	keys := make([][]byte, count+1)
	keys[count] = within.high
	for i := range count {
		at := pageHeaderSize + elementSize*i
		if at+elementSize > len(data) {
			return errors.New("damaged branch page")
		}
		pos, size := native.Uint32(data[at:]), native.Uint32(data[at+4:])
		children[i] = native.Uint64(data[at+8:])
		keys[i] = cut(data, at, pos, size)
		if keys[i] == nil || !within.hold(keys[i]) || i > 0 && bytes.Compare(keys[i-1], keys[i]) >= 0 {
			return errors.New("damaged branch page")
		}
	}
	leaves := false
	for i, child := range children {
		if leaves && !deep {
			if err := e.claim(child, 1); err != nil {
				return err
			}
			continue
		}
		leaf, err := e.tree(child, bounds{keys[i], keys[i+1]}, depth+1, deep)
		if err != nil {
			return err
		}
		if i > 0 && leaf != leaves {
			return errors.New("damaged branch page: leaves at different depths")
		}
		leaves = leaf
	}
	return nil
}

// leaf checks a leaf page and the trees of the buckets in it.
func (e *examiner) leaf(p page, within bounds, depth int) error {
	var key []byte
	for i := range int(p.count) {
		at := pageHeaderSize + elementSize*i
		if at+elementSize > len(p.data) {
			return errors.New("damaged leaf page")
		}
		flags, pos := native.Uint32(p.data[at:]), native.Uint32(p.data[at+4:])
		keySize, valueSize := native.Uint32(p.data[at+8:]), native.Uint32(p.data[at+12:])
		record := cut(p.data, at, pos, keySize+valueSize)
		if record == nil || keySize == 0 || keySize > keySize+valueSize {
			return errors.New("damaged leaf page")
		}
		last := key
		key = record[:keySize]
		if bytes.Compare(last, key) >= 0 || !within.hold(key) {
			return errors.New("damaged leaf page: keys out of order")
		}
		if flags&bucketFlag != 0 {
			if err := e.bucket(record[keySize:], depth); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *examiner) bucket(value []byte, depth int) error {
	if len(value) < bucketSize {
		return errors.New("damaged bucket")
	}
	if root := native.Uint64(value); root != 0 {
		e.scratch = nil // the leaf lies in it
		_, err := e.tree(root, bounds{}, depth+1, e.deep)
		return err
	}
	inline := value[bucketSize:]
	if len(inline) < pageHeaderSize || native.Uint64(inline) != 0 || native.Uint16(inline[8:]) != leafFlag || depth == maxDepth {
		return errors.New("damaged bucket")
	}
	return e.leaf(parsePage(inline), bounds{}, depth+1)
}

// cut returns size bytes at pos after at; nil if they are not all there, or none.
func cut(data []byte, at int, pos, size uint32) []byte {
	from := uint64(at) + uint64(pos)
	if size == 0 || from+uint64(size) > uint64(len(data)) {
		return nil
	}
	return data[from : from+uint64(size)]
}
