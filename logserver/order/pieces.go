package order

import "github.com/ringlog/ringlog/blobstore"

// SplitDecided calls fn with each record of a decided frame's payload: its Raft index,
// and its bytes with its chain, which lie in the payload.
func SplitDecided(payload []byte, fn func(index uint64, record []byte) error) error {
	rest := payload
	if len(rest) > 0 {
		rest = rest[1:]
	}
	return records(payload, func(data []byte, chain blobstore.Digest) error {
		n := len(appendUvarints(nil, uint64(len(data)))) + len(data) + len(chain)
		record := rest[:n:n]
		rest = rest[n:]
		r := reader{b: data}
		r.byte()
		index := r.uvarint()
		if r.bad {
			return errMalformed
		}
		return fn(index, record)
	})
}

// JoinDecided appends the payload of a decided frame that has the records that
// SplitDecided gave, in their order.
func JoinDecided(dst []byte, records ...[]byte) []byte {
	dst = append(dst, decidedVersion)
	for _, r := range records {
		dst = append(dst, r...)
	}
	return dst
}
