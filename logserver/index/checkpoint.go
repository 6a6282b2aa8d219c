package index

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
)

// A Checkpoint is the state of order and apply up to the Raft entry Applied,
// as of a flushed decided frame, and goes into the file together with the rows
// up to there.
type Checkpoint struct {
	Cluster, Node [16]byte
	Applied, Term uint64
	Replay        Replay // where to scan from for what comes after
	State         []byte // heads, producers, membership …: opaque here
	Windows       []Window
}

// Replay is a position in the segments.
type Replay struct {
	Segment uint64
	Offset  int64
}

// A Window is a named sequence of rows by running number, of which only the
// last ones matter.
type Window struct {
	Name  string
	First uint64      // rows below are removed
	Rows  []WindowRow // new or other than in the checkpoint before: ascending without gap
}

// A WindowRow is one row of a window.
type WindowRow struct {
	N     uint64
	Value []byte
}

// A span is what the file holds of a log or a window: the numbers first to
// next-1, without gap.
type span struct{ first, next uint64 }

// A header is the record that makes a transaction whole: the checkpoint, and
// what must be found in the file besides.
type header struct {
	Checkpoint
	salt    salt
	logs    map[uint32]span
	windows map[string]span
	flushed bool // it is in the file
}

func emptyHeader() header {
	return header{logs: make(map[uint32]span), windows: make(map[string]span)}
}

const (
	headerMagic   = "ringlog index\n"
	formatVersion = 2
)

var headerKey = []byte("checkpoint")

// append appends the header's value: magic, version (a byte, never moved),
// salt, cluster, node; as uvarints applied, term, segment and offset; the
// spans of the logs and of the windows; the state; the checksum.
func (h *header) append(dst []byte) []byte {
	from := len(dst)
	dst = append(dst, headerMagic...)
	dst = append(dst, formatVersion)
	dst = append(dst, h.salt[:]...)
	dst = append(dst, h.Cluster[:]...)
	dst = append(dst, h.Node[:]...)
	for _, v := range []uint64{h.Applied, h.Term, h.Replay.Segment, uint64(h.Replay.Offset)} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = appendSpans(dst, h.logs, func(dst []byte, log uint32) []byte {
		return binary.AppendUvarint(dst, uint64(log))
	})
	dst = appendSpans(dst, h.windows, func(dst []byte, name string) []byte {
		return append(binary.AppendUvarint(dst, uint64(len(name))), name...)
	})
	dst = append(dst, h.State...)
	return h.salt.seal(dst, from, headerKey)
}

func appendSpans[K cmp.Ordered](dst []byte, spans map[K]span, key func([]byte, K) []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(spans)))
	for _, k := range slices.Sorted(maps.Keys(spans)) {
		dst = key(dst, k)
		dst = binary.AppendUvarint(dst, spans[k].first)
		dst = binary.AppendUvarint(dst, spans[k].next)
	}
	return dst
}

// parseHeader is the reverse of append. What it returns shares nothing with sealed.
func parseHeader(sealed []byte) (*header, error) {
	d := decoder{rest: sealed}
	if string(d.bytes(uint64(len(headerMagic)))) != headerMagic {
		return nil, fmt.Errorf("no checkpoint of this program")
	}
	if v := d.bytes(1); v == nil || v[0] != formatVersion {
		return nil, fmt.Errorf("format version %d, this program reads %d", v, formatVersion)
	}
	h := &header{flushed: true}
	copy(h.salt[:], d.bytes(uint64(len(h.salt))))
	body, ok := h.salt.open(headerKey, sealed)
	if !ok {
		return nil, fmt.Errorf("damaged checkpoint")
	}
	d = decoder{rest: body[len(headerMagic)+1+len(h.salt):]}
	copy(h.Cluster[:], d.bytes(16))
	copy(h.Node[:], d.bytes(16))
	h.Applied = d.uint64()
	h.Term = d.uint64()
	h.Replay = Replay{Segment: d.uint64(), Offset: int64(d.uint64())}
	h.logs = parseSpans(&d, d.uint32)
	h.windows = parseSpans(&d, func() string { return string(d.bytes(d.uint64())) })
	h.State = slices.Clone(d.rest)
	if d.bad || h.Replay.Offset < 0 {
		return nil, fmt.Errorf("damaged checkpoint")
	}
	return h, nil
}

func parseSpans[K cmp.Ordered](d *decoder, key func() K) map[K]span {
	spans := make(map[K]span)
	for n := d.uint64(); n > 0 && !d.bad; n-- {
		k := key()
		s := span{first: d.uint64(), next: d.uint64()}
		if s.first > s.next {
			d.fail()
		}
		spans[k] = s
	}
	return spans
}
