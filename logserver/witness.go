package logserver

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
)

// witness is the last decided frame, or seal, at a checkpoint. The index keeps it, and a
// start looks whether the segments have it: an index that is newer than the
// segments, or belongs to another history of them, would say things that nobody
// decided.
type witness struct {
	place   blobstore.Place
	payload []byte
	sum     blobstore.Digest // of the payload, if that is nil
}

const witnessSize = 8 + 8 + 4 + len(blobstore.Digest{})

var errWitness = errors.New("the segments don't have the decision at which its checkpoint was made")

// saw notes a decided frame.
func (w *witness) saw(place blobstore.Place, payload []byte) {
	w.place = place
	w.payload = append(w.payload[:0], payload...)
}

// sealed notes a seal, whose payload may be too long to be kept.
func (w *witness) sealed(place blobstore.Place, payload []byte) {
	w.place, w.payload, w.sum = place, nil, blobstore.Sum(payload)
}

// append appends the witness to dst: place, and digest of the payload.
func (w *witness) append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, w.place.Segment)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(w.place.Offset))
	dst = binary.LittleEndian.AppendUint32(dst, w.place.Length)
	if w.payload != nil {
		w.sum = blobstore.Sum(w.payload)
	}
	return append(dst, w.sum[:]...)
}

// testify reads back what append made from the front of p, checks that the
// frame is there, and returns the rest.
func (w *witness) testify(p []byte, segments *segment.Store) (rest []byte, err error) {
	if len(p) < witnessSize {
		return nil, errWitness
	}
	place := blobstore.Place{
		Segment: binary.LittleEndian.Uint64(p),
		Offset:  int64(binary.LittleEndian.Uint64(p[8:])),
		Length:  binary.LittleEndian.Uint32(p[16:]),
	}
	if !segments.Has(place) { // the rest of its batch did not survive
		return nil, errWitness
	}
	payload, err := segments.Read(place, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errWitness, err)
	}
	w.sealed(place, payload)
	if w.sum != blobstore.Digest(p[20:witnessSize]) {
		return nil, errWitness
	}
	return p[witnessSize:], nil
}
