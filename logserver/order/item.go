package order

import "github.com/ringlog/ringlog/blobstore"

// item is what was decided about appends in a row; together, in the batch's order,
// they cover all of its entries.
type item struct {
	Outcome
	own      uint32 // entries of each of these appends
	numbered bool   // numbers were used up, from seq
	keyed    bool   // the key is remembered
	producer uint32 // in record.producers
	seq      uint64
	key      keyHash
	digest   blobstore.Digest
}

// adds tells whether the item's entries were given indices.
func (it *item) adds() bool { return it.Status == Appended && !it.Duplicate }

const (
	itemStatus    = 7
	itemNumbered  = 1 << 3
	itemKeyed     = 1 << 4
	itemDuplicate = 1 << 5
	itemForgotten = 1 << 6
	itemKnown     = itemStatus | itemNumbered | itemKeyed | itemDuplicate | itemForgotten
	minItem       = 3 // bytes of the shortest
)

// append encodes the item: flags: a byte; appends, entries of each: uvarint; then
// uvarints as the flags say: log, first index (and a duplicate's first count) of what
// is appended, N of what is refused, nothing of what is forgotten; producer, seq;
// the key's hash (16 bytes) and digest (32 bytes).
func (it *item) append(dst []byte) []byte {
	flags := byte(it.Status)
	for _, f := range [...]struct {
		set bool
		bit byte
	}{{it.numbered, itemNumbered}, {it.keyed, itemKeyed}, {it.Duplicate, itemDuplicate}, {it.Forgotten, itemForgotten}} {
		if f.set {
			flags |= f.bit
		}
	}
	dst = appendUvarints(append(dst, flags), uint64(it.Appends), uint64(it.own))
	switch {
	case it.Forgotten:
	case it.Status == Appended:
		dst = appendUvarints(dst, uint64(it.Log), it.First)
	default:
		dst = appendUvarints(dst, it.N)
	}
	if it.Duplicate && !it.Forgotten {
		dst = appendUvarints(dst, uint64(it.Entries))
	}
	if it.numbered {
		dst = appendUvarints(dst, uint64(it.producer), it.seq)
	}
	if it.keyed {
		dst = append(append(dst, it.key[:]...), it.digest[:]...)
	}
	return dst
}

func (it *item) decode(r *reader) {
	flags := r.byte()
	it.Status = Status(flags & itemStatus)
	it.numbered, it.keyed = flags&itemNumbered != 0, flags&itemKeyed != 0
	it.Duplicate, it.Forgotten = flags&itemDuplicate != 0, flags&itemForgotten != 0
	it.Appends, it.own = r.uint32(), r.uint32()
	switch {
	case it.Forgotten:
	case it.Status == Appended:
		it.Log, it.First = r.uint32(), r.between(1, maxNumber)
		it.Entries = it.own
	default:
		it.N = r.uvarint()
		it.Entries = it.own
	}
	if it.Duplicate && !it.Forgotten {
		it.Entries = r.uint32()
	}
	if it.numbered {
		it.producer, it.seq = r.uint32(), r.between(1, maxNumber)
	}
	if it.keyed {
		r.into(it.key[:])
		r.into(it.digest[:])
	}
	if flags&^itemKnown != 0 || !it.sound() {
		r.fail()
	}
}

// sound tells whether the item's parts go together.
func (it *item) sound() bool {
	switch {
	case it.Appends == 0 || it.own == 0 || it.Status >= statuses:
		return false
	case it.Forgotten:
		return it.Duplicate && it.Status == 0 && !it.numbered && !it.keyed
	case it.Status == 0, it.keyed && !(it.adds() && it.Appends == 1):
		return false
	}
	return true
}
