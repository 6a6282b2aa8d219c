package order

import "github.com/ringlog/ringlog/blobstore"

// keys remembers the keys of the last limit keyed appends.
type keys struct {
	byHash map[keyHash]uint64 // number in rows
	rows   ring[keyRow]       // numbered from 0 over the cluster's life
	limit  int
}

type keyRow struct {
	key    keyHash
	digest blobstore.Digest // what the key stands for
	index  uint64           // of its first entry
}

func (k *keys) find(key keyHash) (keyRow, bool) {
	n, ok := k.byHash[key]
	if !ok {
		return keyRow{}, false
	}
	return *k.rows.at(n), true
}

func (k *keys) add(row keyRow) {
	if k.byHash == nil {
		k.byHash = make(map[keyHash]uint64)
	}
	k.byHash[row.key] = k.rows.next()
	k.rows.push(row)
	k.evict()
}

func (k *keys) evict() {
	for k.rows.n > k.limit {
		delete(k.byHash, k.rows.at(k.rows.first).key)
		k.rows.drop()
	}
}
