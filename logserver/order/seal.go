package order

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// sealVersion begins a seal's payload: what was decided in the file that it ends.
// What follows: number of the file; Raft index of the first record repeated (0: none is),
// how many: uvarint; the chain before and behind them (32 bytes each); length of the
// rows: uvarint; the rows; the rest is a decided frame's payload with the records that no
// decided frame has, or nothing.
//
// A row is a record, for each Raft entry from the first on. What is said to be a
// difference is one to the row before that has it, or to zero:
//
//	kind: a byte; term: difference, uvarint
//	empty:  nothing more
//	others: flags: a byte, see below; node, incarnation, configuration: uvarint, holders:
//	        count, uvarint each, unless rowSame; seq: difference, varint
//	batch:       time: difference, varint; rowHere: where in the file the content frame
//	             that has the digest begins, difference, varint; else the digest (32 bytes);
//	             the rest as in a record, without producers if rowProducers
//	others:      as in a record; rowFact: with the fact at the end
const sealVersion = 1

const (
	rowSkipped   = recordSkipped
	rowSame      = 1 << 1 // node, incarnation, configuration, holders
	rowHere      = 1 << 2 // the content lies in the file
	rowProducers = 1 << 3 // the producers, by name, are those of the batch before
	rowFact      = 1 << 4 // there is a fact
	rowPlaced    = 1 << 5
	rowKnown     = rowSkipped | rowSame | rowHere | rowProducers | rowFact | rowPlaced
)

// filed gathers the rows of the file that is being written.
type filed struct {
	rowState
	rows   []byte
	first  uint64 // Raft index
	count  uint64
	before blobstore.Digest // the chain
}

// keepRows is the most memory for rows that is kept for the next file.
const keepRows = 1 << 20

func (f *filed) reset() {
	rows := f.rows
	if cap(rows) > keepRows {
		rows = nil
	}
	*f = filed{rows: rows[:0]}
}

// add notes a record, whose content lies at an offset of the file, if that isn't 0.
func (f *filed) add(rec *record, offset int64, before blobstore.Digest) {
	if f.count == 0 || rec.index != f.first+f.count {
		f.reset()
		f.first, f.before = rec.index, before
	}
	f.count++
	f.rows = f.append(f.rows, rec, offset)
}

// Filed notes, for the seal of the file that is being written, the decision that was
// shown last: a decided frame of that file has its record, or will. Its content lies at
// an offset of the file; 0: it doesn't.
func (c *Core) Filed(offset int64) { c.filed.add(&c.record, offset, c.before) }

// Turn returns the payloads of the seal that ends the file with a number, and of the
// checkpoint that begins the next. The seal has the decisions that are not yet written;
// Turned must follow once both are durable. What is ordered and not decided stays in the
// files where it is, and is decided by records of a later one. Turn may be called between an
// Advance and the next Ready, whatever is under way. It refuses, ok false, until the cluster is
// founded, and while a decided frame that Ready gave is being flushed, since each record is
// written once: room is made before Ready, see Unstored.
func (c *Core) Turn(segment uint64) (seal, checkpoint []byte, ok bool) {
	if c.offered {
		return nil, nil, false
	}
	if checkpoint, ok = c.describe(); !ok {
		return nil, nil, false
	}
	f := &c.filed
	seal = make([]byte, 0, len(f.rows)+len(c.decided)+128)
	seal = appendUvarints(append(seal, sealVersion), segment, f.first, f.count)
	before := f.before
	if f.count == 0 {
		before = c.state.chain
	}
	seal = append(append(seal, before[:]...), c.state.chain[:]...)
	seal = append(appendUvarints(seal, uint64(len(f.rows))), f.rows...)
	return append(seal, c.decided...), checkpoint, true
}

// Turned says that what Turn returned is durable.
func (c *Core) Turned() {
	c.written = c.state.applied
	c.decided = c.decided[:0]
	c.filed.reset()
}

// A Seal is what a seal's payload says.
type Seal struct {
	Segment       uint64 // number of the file that it ends
	First, Count  uint64 // Raft index of the first record repeated, and how many are
	Before, After blobstore.Digest
	Rest          []byte // payload of a decided frame; nil: none
	rows          []byte
}

// ReadSeal reads a seal's payload; what it returns lies in it.
func ReadSeal(payload []byte) (s Seal, err error) {
	const what = "seal"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return s, err
	}
	s.Segment, s.First, s.Count = r.between(1, maxNumber), r.between(0, maxNumber), r.between(0, maxNumber)
	r.into(s.Before[:])
	r.into(s.After[:])
	s.rows = r.take(r.count(1))
	if len(r.b) > 0 {
		s.Rest = r.take(len(r.b))
	}
	if (s.First == 0) != (s.Count == 0) || s.Count > uint64(len(s.rows)) {
		r.fail()
	}
	return s, r.end(what)
}

var errRows = errors.New("seal: its rows don't make the chain that it names")

// Records returns what the seal repeats, as a decided frame's payload. digest returns
// the digest of the batch whose content frame begins at an offset of the file.
func (s *Seal) Records(digest func(offset int64) (blobstore.Digest, error)) ([]byte, error) {
	var rows rowState
	chain, decided, data := s.Before, []byte{decidedVersion}, []byte(nil)
	r := reader{b: s.rows}
	for i := range s.Count {
		rec, err := rows.decode(&r, s.First+i, digest)
		if err != nil {
			return nil, fmt.Errorf("seal: row of Raft entry %d: %w", s.First+i, err)
		}
		data = rec.append(append(data[:0], chain[:]...))
		chain = sha256.Sum256(data)
		data := data[len(chain):]
		decided = append(appendUvarints(decided, uint64(len(data))), data...)
		decided = append(decided, chain[:]...)
	}
	if err := r.end("rows of a seal"); err != nil {
		return nil, err
	}
	if chain != s.After {
		return nil, errRows
	}
	return decided, nil
}
