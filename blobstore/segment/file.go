package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Position is a point of the stream between two batches.
type Position struct {
	Segment uint64 // number of the file, from 1
	Offset  int64  // in it
}

// point is a position and what a reader knows when it has come there.
type point struct {
	Position
	batch uint64   // number of the last batch before
	chain [32]byte // over the headers of all frames before
}

// Identity says whose stream it is: the cluster's, and in it one node's.
type Identity struct{ Cluster, Node [16]byte }

func (id Identity) String() string {
	return "cluster " + UUID(id.Cluster) + ", node " + UUID(id.Node)
}

// UUID is an id of an Identity as text.
func UUID(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const (
	fileMagic  = "\x9eRLSEG\r\n" // a text mode transfer would spoil it
	fileFormat = 1
	fileHeader = 4096 // bytes before the first frame
	suffix     = ".seg"
	temporary  = ".tmp"
)

// Why a file was begun.
const (
	originFounded   = 0
	originRolled    = 1 // the one before was full, and is sealed
	originRecovered = 2 // by Open; it may hold batches from beyond the end of the one before
)

// fileHead is what the header block of a file says.
type fileHead struct {
	identity Identity
	number   uint64
	salt     [16]byte
	origin   uint32
	prev     point // where the file before ends; zero in the first
	born     int64 // how far it was filled, durably, when it got its name
}

func (h *fileHead) salted() uint32 { return salted(h.salt, h.number) }

// start is the point before the file's first batch.
func (h *fileHead) start() point {
	return point{Position{h.number, fileHeader}, h.prev.batch, h.prev.chain}
}

func (h *fileHead) put(p []byte) {
	p = p[:fileHeader]
	clear(p)
	le := binary.LittleEndian
	copy(p, fileMagic)
	le.PutUint32(p[8:], fileFormat)
	le.PutUint32(p[12:], h.origin)
	copy(p[16:], h.identity.Cluster[:])
	copy(p[32:], h.identity.Node[:])
	le.PutUint64(p[48:], h.number)
	copy(p[56:], h.salt[:])
	le.PutUint64(p[72:], h.prev.Segment)
	le.PutUint64(p[80:], uint64(h.prev.Offset))
	le.PutUint64(p[88:], h.prev.batch)
	copy(p[96:], h.prev.chain[:])
	le.PutUint64(p[128:], uint64(h.born))
	le.PutUint32(p[fileHeader-4:], crc32.Checksum(p[:fileHeader-4], castagnoli))
}

// parseFileHead reads a header block. The checksum has its place in every version, so
// damage is not taken for a newer version.
func parseFileHead(name string, p []byte) (h fileHead, err error) {
	le := binary.LittleEndian
	switch {
	case len(p) < fileHeader:
		return h, &DamageError{name, int64(len(p)), "it ends within its header"}
	case le.Uint32(p[fileHeader-4:]) != crc32.Checksum(p[:fileHeader-4], castagnoli) || string(p[:8]) != fileMagic:
		return h, &DamageError{name, 0, "its header is not what was written"}
	case le.Uint32(p[8:]) != fileFormat:
		return h, foreignFormat(name, le.Uint32(p[8:]))
	}
	h = fileHead{
		identity: Identity{[16]byte(p[16:]), [16]byte(p[32:])},
		origin:   le.Uint32(p[12:]),
		number:   le.Uint64(p[48:]),
		salt:     [16]byte(p[56:]),
		prev: point{
			Position: Position{le.Uint64(p[72:]), int64(le.Uint64(p[80:]))},
			batch:    le.Uint64(p[88:]),
			chain:    [32]byte(p[96:]),
		},
		born: int64(le.Uint64(p[128:])),
	}
	return h, nil
}

// foreignFormat is the error for a file of a format that is not this version's.
func foreignFormat(name string, version uint32) error {
	if version > fileFormat {
		return &ForeignError{name, fmt.Sprintf("has format version %d, newer than %d", version, fileFormat), upgrade}
	}
	return &ForeignError{name, fmt.Sprintf("has format version %d, from before version 1, the first that is kept", version), export}
}

// fileName is the name of the file with a number.
func fileName(number uint64) string { return fmt.Sprintf("%016d%s", number, suffix) }

// FileName is the name of the file with a number.
func FileName(number uint64) string { return fileName(number) }

// fileNumber is the reverse of fileName.
func fileNumber(name string) (number uint64, ok bool) {
	number, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 10, 64)
	return number, err == nil && number > 0 && fileName(number) == name
}

// open opens a file that must be there, and be a file.
func open(f fs.FS, name string) (fs.File, error) {
	file, err := f.Open(name)
	if errors.Is(err, fs.ErrNotRegular) {
		return nil, &ForeignError{name, "is not a regular file", moveAway + ", and the file itself, if this is a link, into its place"}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return file, nil
}

// readFull reads up to len(p) bytes; less only at the end of the file.
func readFull(f io.ReaderAt, p []byte, at int64) ([]byte, error) {
	n, err := f.ReadAt(p, at)
	if err == io.EOF {
		err = nil
	}
	return p[:n], err
}
