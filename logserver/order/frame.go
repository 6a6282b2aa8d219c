package order

import (
	"bytes"
	"encoding/binary"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ringlog/ringlog/blobstore"
)

const (
	orderVersion   = 1
	stateVersion   = 1
	maxOrderHeader = 2 + 2*binary.MaxVarintLen64
	maxStateFrame  = 1 + 3*binary.MaxVarintLen64
)

// appendOrder appends an order frame's payload: version, type of Raft entry: a byte
// each; index, term: uvarint; the entry's data, to the end.
func appendOrder(dst []byte, e *pb.Entry) []byte {
	dst = append(dst, orderVersion, byte(e.GetType()))
	return append(appendUvarints(dst, e.GetIndex(), e.GetTerm()), e.GetData()...)
}

// decodeOrder is the reverse of appendOrder. The entry keeps nothing of payload.
func decodeOrder(payload []byte) (*pb.Entry, error) {
	const what = "order frame"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return nil, err
	}
	kind := r.byte()
	index := r.between(1, maxNumber)
	term := r.between(1, maxNumber)
	data := r.take(len(r.b))
	if err := r.end(what); err != nil {
		return nil, err
	}
	if t := pb.EntryType(kind); t != pb.EntryNormal && t != pb.EntryConfChangeV2 {
		return nil, unknown("type of Raft entry", uint64(kind))
	}
	e := &pb.Entry{Type: pb.EntryType(kind).Enum(), Index: new(index), Term: new(term)}
	if len(data) > 0 {
		e.Data = bytes.Clone(data)
	}
	return e, nil
}

// hardState is what Raft must not forget besides its entries.
type hardState struct{ term, vote, commit uint64 }

// appendState appends a state frame's payload: version: a byte; term, vote, commit:
// uvarint.
func appendState(dst []byte, s hardState) []byte {
	return appendUvarints(append(dst, stateVersion), s.term, s.vote, s.commit)
}

func decodeState(payload []byte) (s hardState, err error) {
	const what = "state frame"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return s, err
	}
	s.term = r.between(0, maxNumber)
	s.vote = r.between(0, maxNode)
	s.commit = r.between(0, maxNumber)
	return s, r.end(what)
}

// Digest returns the digest of the batch that an order frame's payload orders; ok is
// false if it orders none. It tells what content was that is damaged.
func Digest(payload []byte) (d blobstore.Digest, ok bool) {
	e, err := decodeOrder(payload)
	if err != nil || e.GetType() != pb.EntryNormal {
		return d, false
	}
	b, ok := batchOf(e.GetData())
	return b.digest, ok
}

// Together returns the digest of the batch whose content goes together with an order frame's payload: it is stored before.
func Together(payload []byte) (d blobstore.Digest, ok bool) {
	e, err := decodeOrder(payload)
	if err != nil || e.GetType() != pb.EntryNormal {
		return d, false
	}
	b, ok := batchOf(e.GetData())
	return b.digest, ok && !b.placed
}

// Runs calls fn with the batches that a decided frame's payload gives indices, and with the
// runs of each, which belong to fn during the call and have no names. It tells whose
// content it is that is damaged.
func Runs(payload []byte, fn func(d blobstore.Digest, runs []Run)) error {
	var rec record
	var d Decision
	return records(payload, func(data []byte, _ blobstore.Digest) error {
		if err := rec.decode(data); err != nil || rec.kind != KindBatch {
			return err
		}
		d.Runs = d.Runs[:0]
		ordinal := uint32(0)
		for i := range rec.items {
			it := &rec.items[i]
			count := it.Appends * it.own
			if it.adds() {
				d.addRun(it, ordinal, count, "")
			}
			ordinal += count
		}
		fn(rec.digest, d.Runs)
		return nil
	})
}
