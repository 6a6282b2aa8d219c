package order

import (
	"fmt"
	"math"

	"github.com/ringlog/ringlog/blobstore"
)

// Kind says what a Raft entry asks for, and what a decision is about.
type Kind uint8

// The kinds. What is reserved is refused as unknown.
const (
	KindEmpty       Kind = iota // a new leader's entry without a proposal
	KindBatch                   // appends
	KindSettings                // founding, or a change of what decides
	KindMember                  // a change of members, whose envelope is the context of Raft's
	KindIncarnation             // a node has started
	KindTrim                    // reserved
	KindRedact                  // reserved
	KindRemove                  // reserved
)

// header is what the envelope of any proposal begins with: who proposes
// (incarnation counts a node's starts, seq its proposals since), under which
// configuration, and which nodes hold the content.
type header struct {
	node, incarnation, seq, configuration uint64
	holders                               []uint64
	placed                                bool // a batch that the holders had flushed before it was proposed
}

// envelope is a proposal.
//
//	version (1; 2: there is a fact; 3: placed), kind: a byte each; node, incarnation, seq, configuration: uvarint;
//	holders: count, uvarint each
//	batch:       stamp (8 bytes, LE), digest (32 bytes), entries: uvarint
//	             logs: count, each: number: uvarint, if it is 0: length byte, name
//	             producers: count, each: length byte, name
//	             runs: count, each: see appendRun
//	settings:    see appendSettings
//	incarnation, member: nothing more, or a fact: see fact.append; a member's configuration
//	             is that of Members
type envelope struct {
	kind Kind
	header
	batch
	settings Settings
	fact     fact
}

type batch struct {
	stamp     int64 // the proposer's clock, Unix nanoseconds
	digest    blobstore.Digest
	entries   uint32
	logs      []logRef
	producers [][]byte
	runs      []run
}

// logRef names a log that runs are for: by number, or by name when the proposer
// doesn't know that it has one.
type logRef struct {
	number uint32
	name   []byte
}

const (
	runNumbered = 1 << iota
	runKeyed
	runAfter
	runKnown = runNumbered | runKeyed | runAfter
)

const (
	envelopeVersion = 1
	factVersion     = 2
	placedVersion   = 3
	minRun          = 4 // bytes of the shortest encoded run
)

func appendHeader(dst []byte, kind Kind, h *header) []byte {
	if h.placed {
		return appendVersioned(dst, placedVersion, kind, h)
	}
	return appendVersioned(dst, envelopeVersion, kind, h)
}

// appendStatement appends the envelope of a start or of a change of members.
func appendStatement(dst []byte, kind Kind, h *header, f *fact) []byte {
	if f.id == 0 {
		return appendHeader(dst, kind, h)
	}
	return f.append(appendVersioned(dst, factVersion, kind, h))
}

func appendVersioned(dst []byte, version byte, kind Kind, h *header) []byte {
	dst = append(dst, version, byte(kind))
	return appendList(appendUvarints(dst, h.node, h.incarnation, h.seq, h.configuration), h.holders)
}

func (e *envelope) append(dst []byte) []byte {
	dst = appendStatement(dst, e.kind, &e.header, &e.fact)
	switch e.kind {
	case KindBatch:
		dst = e.batch.append(dst)
	case KindSettings:
		dst = appendSettings(dst, &e.settings)
	}
	return dst
}

func (b *batch) append(dst []byte) []byte {
	dst = appendTime(dst, b.stamp)
	dst = append(dst, b.digest[:]...)
	dst = appendUvarints(dst, uint64(b.entries), uint64(len(b.logs)))
	for i := range b.logs {
		dst = appendUvarints(dst, uint64(b.logs[i].number))
		if b.logs[i].number == 0 {
			dst = appendName(dst, b.logs[i].name)
		}
	}
	dst = appendUvarints(dst, uint64(len(b.producers)))
	for _, name := range b.producers {
		dst = appendName(dst, name)
	}
	dst = appendUvarints(dst, uint64(len(b.runs)))
	for i := range b.runs {
		dst = appendRun(dst, &b.runs[i])
	}
	return dst
}

// decode reads an envelope. Names point into data. e's memory is used again.
func (e *envelope) decode(data []byte) error {
	const what = "proposal"
	r := reader{b: data}
	factual, placed := len(data) > 0 && data[0] == factVersion, len(data) > 0 && data[0] == placedVersion
	if factual || placed {
		r.byte()
	} else if err := r.version(what); err != nil {
		return err
	}
	e.kind, e.fact = Kind(r.byte()), fact{}
	r.header(&e.header)
	e.placed = placed
	if placed && (e.kind != KindBatch || len(e.holders) == 0) {
		r.fail()
	}
	switch e.kind {
	case KindBatch:
		e.batch.decode(&r)
	case KindSettings:
		r.settings(&e.settings)
	case KindIncarnation, KindMember:
		if factual {
			e.fact = r.fact()
		}
		if factual && e.kind == KindIncarnation && (e.fact.id != e.node || e.fact.replaces != 0) {
			r.fail()
		}
		return r.end(what)
	default:
		if r.bad {
			break
		}
		return unknown("kind of proposal", uint64(e.kind))
	}
	if factual {
		r.fail()
	}
	return r.end(what)
}

func (r *reader) header(h *header) {
	h.node = r.between(1, maxNode)
	h.incarnation = r.uvarint()
	h.seq = r.uvarint()
	h.configuration = r.uvarint()
	h.holders = r.list(h.holders)
}

func (b *batch) decode(r *reader) {
	b.stamp = r.time()
	r.into(b.digest[:])
	b.entries = r.uint32()
	b.logs = b.logs[:0]
	for range r.count(1) {
		ref := logRef{number: r.uint32()}
		if ref.number == 0 {
			ref.name = r.name(maxLogName)
		}
		b.logs = append(b.logs, ref)
	}
	b.producers = b.producers[:0]
	for range r.count(2) {
		b.producers = append(b.producers, r.name(maxProducer))
	}
	b.runs = b.runs[:0]
	for range r.count(minRun) {
		b.runs = append(b.runs, run{})
		b.runs[len(b.runs)-1].decode(r)
	}
	if err := b.check(); err != nil {
		r.fail()
	}
}

// check reports what is wrong with a batch that was built or read.
func (b *batch) check() error {
	var entries uint64
	for i := range b.runs {
		u := &b.runs[i]
		if err := b.checkRun(u); err != nil {
			return err
		}
		entries += uint64(u.appends) * uint64(u.entries)
		if entries > math.MaxUint32 {
			return fmt.Errorf("%w: too many entries", ErrProposal)
		}
	}
	if entries == 0 || entries != uint64(b.entries) {
		return fmt.Errorf("%w: %d entries in runs, %d in the batch", ErrProposal, entries, b.entries)
	}
	return nil
}
