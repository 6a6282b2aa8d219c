package logserver

import (
	"encoding/binary"
	"errors"

	"github.com/ringlog/ringlog/blobstore"
)

// What is stored and not decided when the index is written lies, in part, before the position
// from which a start reads the segments. So the index says where it is: in front of the
// core's state, where there is any, a byte that no state begins with; the number of contents
// (uvarint), each digest, segment, offset, length, and where its entries begin; the number of
// order frames, each its length (uvarint) and payload.
const leftoverMark = 0xc0

var errLeftover = errors.New("what it says of undecided content is cut short")

const leftoverRow = len(blobstore.Digest{}) + 8 + 8 + 4 + 4

func (l *Log) appendLeftover(dst []byte, ordered [][]byte) []byte {
	if l.member == nil {
		return dst
	}
	count, le := 0, binary.LittleEndian
	var rows []byte
	for d, p := range l.contents.All() {
		rows = append(rows, d[:]...)
		rows = le.AppendUint64(rows, p.Segment)
		rows = le.AppendUint64(rows, uint64(p.Offset))
		rows = le.AppendUint32(rows, p.Length)
		rows = le.AppendUint32(rows, p.Content)
		count++
	}
	dst = append(dst, leftoverMark)
	dst = append(binary.AppendUvarint(dst, uint64(count)), rows...)
	dst = binary.AppendUvarint(dst, uint64(len(ordered)))
	for _, o := range ordered {
		dst = append(binary.AppendUvarint(dst, uint64(len(o))), o...)
	}
	return dst
}

// loadLeftover takes what appendLeftover appended from the front of p. The order frames are
// to be replayed when the core's state is loaded.
func (l *Log) loadLeftover(p []byte) (ordered [][]byte, rest []byte, err error) {
	if len(p) == 0 || p[0] != leftoverMark {
		return nil, p, nil
	}
	p = p[1:]
	number := func() uint64 {
		n, size := binary.Uvarint(p)
		if size <= 0 || n > uint64(len(p)) {
			err = errLeftover
			return 0
		}
		p = p[size:]
		return n
	}
	le := binary.LittleEndian
	for range number() {
		if len(p) < leftoverRow {
			return nil, nil, errLeftover
		}
		place := blobstore.Place{
			Segment: le.Uint64(p[32:]), Offset: int64(le.Uint64(p[40:])),
			Length: le.Uint32(p[48:]), Content: le.Uint32(p[52:]),
		}
		l.contents.Store(blobstore.Digest(p), place, 0)
		p = p[leftoverRow:]
	}
	for range number() {
		n := number()
		if err != nil || n > uint64(len(p)) {
			return nil, nil, errLeftover
		}
		ordered, p = append(ordered, p[:n]), p[n:]
	}
	return ordered, p, err
}

// replayOrdered replays order frames that the index has kept.
func (l *Log) replayOrdered(ordered [][]byte) error {
	for _, o := range ordered {
		l.contents.Order(o)
		if err := l.core.ReplayOrder(o); err != nil {
			return err
		}
	}
	return nil
}
