package order

import (
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// run is appends in a row that are alike: same log, entries entries each,
// unnumbered or of one producer with consecutive numbers. An append with a
// condition is a run of its own.
type run struct {
	log      uint32 // in batch.logs
	producer uint32 // in batch.producers
	appends  uint32
	entries  uint32
	numbered bool
	keyed    bool
	hasAfter bool
	seq      uint64 // of the first
	after    uint64
	key      keyHash
	digest   blobstore.Digest // what the key stands for
}

func appendRun(dst []byte, u *run) []byte {
	var flags byte
	if u.numbered {
		flags |= runNumbered
	}
	if u.keyed {
		flags |= runKeyed
	}
	if u.hasAfter {
		flags |= runAfter
	}
	dst = appendUvarints(append(dst, flags), uint64(u.log), uint64(u.appends), uint64(u.entries))
	if u.numbered {
		dst = appendUvarints(dst, uint64(u.producer), u.seq)
	}
	if u.keyed {
		dst = append(append(dst, u.key[:]...), u.digest[:]...)
	}
	if u.hasAfter {
		dst = appendUvarints(dst, u.after)
	}
	return dst
}

func (u *run) decode(r *reader) {
	flags := r.byte()
	if flags&^runKnown != 0 {
		r.fail()
	}
	u.numbered, u.keyed, u.hasAfter = flags&runNumbered != 0, flags&runKeyed != 0, flags&runAfter != 0
	u.log, u.appends, u.entries = r.uint32(), r.uint32(), r.uint32()
	if u.numbered {
		u.producer, u.seq = r.uint32(), r.uvarint()
	}
	if u.keyed {
		r.into(u.key[:])
		r.into(u.digest[:])
	}
	if u.hasAfter {
		u.after = r.uvarint()
	}
}

func (b *batch) checkRun(u *run) error {
	switch {
	case u.appends == 0 || u.entries == 0:
		return fmt.Errorf("%w: no entry", ErrProposal)
	case u.appends > 1 && (u.entries > 1 || u.keyed || u.hasAfter):
		return fmt.Errorf("%w: merged what must not be", ErrProposal)
	case int64(u.log) >= int64(len(b.logs)):
		return fmt.Errorf("%w: no such log", ErrProposal)
	case u.numbered && int64(u.producer) >= int64(len(b.producers)):
		return fmt.Errorf("%w: no such producer", ErrProposal)
	case u.numbered && (u.seq == 0 || u.seq > maxNumber):
		return fmt.Errorf("%w: seq %d", ErrProposal, u.seq)
	}
	return nil
}
