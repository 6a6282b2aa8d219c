package order

import (
	"encoding/binary"

	"github.com/ringlog/ringlog/blobstore"
)

// rowState is what the next row is told by its difference from.
type rowState struct {
	record       // the last one; its producers, holders are copies
	place  int64 // of the last content
}

func (s *rowState) append(dst []byte, rec *record, offset int64) []byte {
	dst = appendUvarints(append(dst, byte(rec.kind)), rec.term-s.term)
	s.term = rec.term
	if rec.kind == KindEmpty {
		return dst
	}
	flags := s.flags(rec, offset)
	dst = append(dst, flags)
	if flags&rowSame == 0 {
		dst = appendUvarints(dst, rec.node, rec.incarnation, rec.configuration)
		dst = appendList(dst, rec.holders)
	}
	dst = binary.AppendVarint(dst, int64(rec.seq-s.seq))
	s.follow(&rec.header)
	switch {
	case rec.kind == KindBatch:
		dst = s.appendBatch(dst, rec, offset, flags)
	case rec.kind == KindSettings && !rec.skipped:
		dst = appendSettings(dst, &rec.settings)
	case rec.kind == KindMember && !rec.skipped:
		dst = appendMembers(dst, &rec.members)
	}
	if flags&rowFact != 0 {
		dst = rec.fact.append(dst)
	}
	return dst
}

// follow makes h what the next row is compared with.
func (s *rowState) follow(h *header) {
	holders := append(s.holders[:0], h.holders...)
	s.header = *h
	s.holders = holders
}

func (s *rowState) appendBatch(dst []byte, rec *record, offset int64, flags byte) []byte {
	dst = binary.AppendVarint(dst, rec.time-s.time)
	s.time = rec.time
	if flags&rowHere != 0 {
		dst = binary.AppendVarint(dst, offset-s.place)
		s.place = offset
	} else {
		dst = append(dst, rec.digest[:]...)
	}
	dst = rec.appendLogs(dst)
	if flags&rowProducers == 0 {
		dst = rec.appendProducers(dst)
		s.producers = copyNames(s.producers, rec.producers)
	}
	return rec.appendItems(dst)
}

func (s *rowState) flags(rec *record, offset int64) (flags byte) {
	if rec.skipped {
		flags |= rowSkipped
	}
	if rec.fact.id != 0 {
		flags |= rowFact
	}
	if rec.node == s.node && rec.incarnation == s.incarnation && rec.configuration == s.configuration &&
		equal(rec.holders, s.holders, func(a, b uint64) bool { return a == b }) {
		flags |= rowSame
	}
	if rec.kind != KindBatch {
		return flags
	}
	if offset != 0 {
		flags |= rowHere
	}
	if rec.placed {
		flags |= rowPlaced
	}
	if equal(rec.producers, s.producers, func(a, b []byte) bool { return string(a) == string(b) }) {
		flags |= rowProducers
	}
	return flags
}

func equal[T any](a, b []T, same func(T, T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i], b[i]) {
			return false
		}
	}
	return true
}

// copyNames copies names into dst's memory.
func copyNames(dst, names [][]byte) [][]byte {
	for len(dst) < len(names) {
		dst = append(dst, nil)
	}
	dst = dst[:len(names)]
	for i := range names {
		dst[i] = append(dst[i][:0], names[i]...)
	}
	return dst
}

// decode reads a row: it makes the record before, which s has, into the next one.
func (s *rowState) decode(r *reader, index uint64, digest func(int64) (blobstore.Digest, error)) (*record, error) {
	rec := &s.record
	rec.index, rec.kind = index, Kind(r.byte())
	rec.term += r.uvarint()
	rec.skipped, rec.newLogs, rec.items, rec.fact = false, rec.newLogs[:0], rec.items[:0], fact{}
	if rec.kind == KindEmpty || r.bad {
		return rec, r.malformed()
	}
	flags := r.byte()
	rec.skipped, rec.placed = flags&rowSkipped != 0, flags&rowPlaced != 0
	if flags&^rowKnown != 0 || flags&rowFact != 0 && !rec.factual() || rec.placed && rec.kind != KindBatch {
		r.fail()
	}
	if flags&rowSame == 0 {
		rec.node, rec.incarnation, rec.configuration = r.between(1, maxNode), r.uvarint(), r.uvarint()
		rec.holders = r.list(rec.holders)
	}
	rec.seq += uint64(r.varint())
	switch rec.kind {
	case KindBatch:
		if err := s.decodeBatch(r, flags, digest); err != nil {
			return nil, err
		}
	case KindSettings:
		if !rec.skipped {
			r.settings(&rec.settings)
		}
	case KindMember:
		if !rec.skipped {
			rec.members = r.members()
		}
	case KindIncarnation:
	default:
		return nil, unknown("kind of decided record", uint64(rec.kind))
	}
	if flags&rowFact != 0 {
		rec.fact = r.fact()
	}
	return rec, r.malformed()
}

func (s *rowState) decodeBatch(r *reader, flags byte, digest func(int64) (blobstore.Digest, error)) (err error) {
	rec := &s.record
	rec.time += r.varint()
	if flags&rowHere != 0 {
		s.place += r.varint()
		if r.bad {
			return errMalformed
		}
		if rec.digest, err = digest(s.place); err != nil {
			return err
		}
	} else {
		r.into(rec.digest[:])
	}
	rec.decodeLogs(r)
	if flags&rowProducers == 0 {
		rec.producers = rec.producers[:0]
		rec.decodeProducers(r)
	}
	rec.decodeItems(r)
	return nil
}
