package order

import (
	"fmt"
	"math"

	"github.com/ringlog/ringlog/blobstore"
)

// record is what was decided about one Raft entry.
//
//	kind: a byte; index, term: uvarint
//	empty:  nothing more
//	others: flags: a byte (1: skipped, 2: there is a fact, 4: placed); node, incarnation, seq, configuration: uvarint;
//	        holders: count, uvarint each
//	batch:       time (8 bytes, LE), digest (32 bytes), entries: uvarint
//	             new logs: count, each: number: uvarint, length byte, name
//	             producers: count, each: length byte, name
//	             items: count, each: see item.append
//	settings:    unless skipped, the settings from now on: see appendSettings
//	member:      unless skipped, the members from now on: see appendMembers
//	incarnation: nothing more
//	both:        at the end, if it is there, a fact: see fact.append
type record struct {
	index, term uint64
	kind        Kind
	skipped     bool
	header
	time      int64
	digest    blobstore.Digest
	entries   uint32
	newLogs   []logRef
	producers [][]byte
	items     []item
	settings  Settings
	members   Members
	fact      fact
}

// reset makes room for the decision about another entry.
func (rec *record) reset(index, term uint64) {
	*rec = record{
		index: index, term: term,
		header:  header{holders: rec.holders[:0]},
		newLogs: rec.newLogs[:0], producers: rec.producers[:0], items: rec.items[:0],
		settings: Settings{Voters: rec.settings.Voters[:0]},
	}
}

const (
	recordSkipped = 1
	recordFact    = 1 << 1
	recordPlaced  = 1 << 2
	recordKnown   = recordSkipped | recordFact | recordPlaced
)

// factual tells whether there may be a fact in a record.
func (rec *record) factual() bool {
	return !rec.skipped && (rec.kind == KindMember || rec.kind == KindIncarnation)
}

func (rec *record) append(dst []byte) []byte {
	dst = appendUvarints(append(dst, byte(rec.kind)), rec.index, rec.term)
	if rec.kind == KindEmpty {
		return dst
	}
	var flags byte
	if rec.skipped {
		flags |= recordSkipped
	}
	if rec.fact.id != 0 {
		flags |= recordFact
	}
	if rec.placed {
		flags |= recordPlaced
	}
	dst = appendUvarints(append(dst, flags), rec.node, rec.incarnation, rec.seq, rec.configuration)
	dst = appendList(dst, rec.holders)
	switch {
	case rec.kind == KindBatch:
		dst = rec.appendBatch(dst)
	case rec.kind == KindSettings && !rec.skipped:
		dst = appendSettings(dst, &rec.settings)
	case rec.kind == KindMember && !rec.skipped:
		dst = appendMembers(dst, &rec.members)
	}
	if rec.fact.id != 0 {
		dst = rec.fact.append(dst)
	}
	return dst
}

func (rec *record) appendBatch(dst []byte) []byte {
	dst = append(appendTime(dst, rec.time), rec.digest[:]...)
	return rec.appendItems(rec.appendProducers(rec.appendLogs(dst)))
}

func (rec *record) appendLogs(dst []byte) []byte {
	dst = appendUvarints(dst, uint64(rec.entries), uint64(len(rec.newLogs)))
	for i := range rec.newLogs {
		dst = appendName(appendUvarints(dst, uint64(rec.newLogs[i].number)), rec.newLogs[i].name)
	}
	return dst
}

func (rec *record) appendProducers(dst []byte) []byte {
	dst = appendUvarints(dst, uint64(len(rec.producers)))
	for _, name := range rec.producers {
		dst = appendName(dst, name)
	}
	return dst
}

func (rec *record) appendItems(dst []byte) []byte {
	dst = appendUvarints(dst, uint64(len(rec.items)))
	for i := range rec.items {
		dst = rec.items[i].append(dst)
	}
	return dst
}

// decode reads a record. Names point into data. rec's memory is used again.
func (rec *record) decode(data []byte) error {
	const what = "decided record"
	r := reader{b: data}
	kind := Kind(r.byte())
	rec.reset(r.between(1, maxNumber), r.between(1, maxNumber))
	rec.kind = kind
	if rec.kind == KindEmpty {
		return r.end(what)
	}
	flags := r.byte()
	rec.skipped = flags&recordSkipped != 0
	if flags&^recordKnown != 0 || flags&recordFact != 0 && !rec.factual() || flags&recordPlaced != 0 && kind != KindBatch {
		r.fail()
	}
	r.header(&rec.header)
	rec.placed = flags&recordPlaced != 0
	switch rec.kind {
	case KindBatch:
		rec.decodeBatch(&r)
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
		if r.bad {
			break
		}
		return unknown("kind of decided record", uint64(rec.kind))
	}
	if flags&recordFact != 0 {
		rec.fact = r.fact()
	}
	return r.end(what)
}

func (rec *record) decodeBatch(r *reader) {
	rec.time = r.time()
	r.into(rec.digest[:])
	rec.decodeLogs(r)
	rec.decodeProducers(r)
	rec.decodeItems(r)
}

func (rec *record) decodeLogs(r *reader) {
	rec.entries = r.uint32()
	for range r.count(3) {
		rec.newLogs = append(rec.newLogs, logRef{r.uint32(), r.name(maxLogName)})
	}
}

func (rec *record) decodeProducers(r *reader) {
	for range r.count(2) {
		rec.producers = append(rec.producers, r.name(maxProducer))
	}
}

func (rec *record) decodeItems(r *reader) {
	var entries uint64
	for range r.count(minItem) {
		rec.items = append(rec.items, item{})
		it := &rec.items[len(rec.items)-1]
		it.decode(r)
		if it.numbered && int64(it.producer) >= int64(len(rec.producers)) {
			r.fail()
		}
		if entries += uint64(it.Appends) * uint64(it.own); entries > math.MaxUint32 {
			r.fail()
			return
		}
	}
	if !rec.skipped && entries != uint64(rec.entries) || rec.skipped && entries != 0 {
		r.fail()
	}
}

// decidedVersion begins a decided frame's payload. Records follow, each: length:
// uvarint; the record; chain = SHA-256(chain before ‖ record), 32 bytes.
const decidedVersion = 1

// records calls fn with each record of a decided frame.
func records(payload []byte, fn func(data []byte, chain blobstore.Digest) error) error {
	const what = "decided frame"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return err
	}
	for len(r.b) > 0 {
		data := r.take(r.count(1))
		var chain blobstore.Digest
		r.into(chain[:])
		if r.bad {
			return fmt.Errorf("%s: %w", what, errMalformed)
		}
		if err := fn(data, chain); err != nil {
			return err
		}
	}
	return nil
}
