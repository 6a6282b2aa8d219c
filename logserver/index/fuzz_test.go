package index

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// Any bytes parse to nothing, or to a row that is written as those bytes' meaning.
func FuzzRow(f *testing.F) {
	var s salt
	key := rowKey(7, 9)
	f.Add(key[:], s.appendRow(nil, key[:], &Row{Log: 7, First: 9, Count: 3, Ordinal: 1, Time: -5, Place: blobstore.Place{Segment: 1, Offset: 4096, Length: 300}}, nil), false)
	f.Add(key[:], s.appendRow(nil, key[:], &Row{Log: 7, First: 9, Count: 3, Time: 5}, &blobstore.Away{Digest: blobstore.Sum(nil), Holders: []uint64{3, 1 << 40}}), false)
	f.Add(key[:], s.appendRow(nil, key[:], &Row{Log: 7, First: 9, Count: 3, Time: 5}, &blobstore.Away{}), false)
	f.Add(key[:], []byte{1, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1, 1, 1}, true)
	f.Add([]byte{}, []byte{}, true)
	f.Fuzz(func(t *testing.T, key, value []byte, seal bool) {
		if seal { // past the checksum
			value = s.seal(bytes.Clone(value), 0, key)
		}
		var away, same blobstore.Away
		r, err := s.parseRow(key, value, &away)
		if err != nil {
			return
		}
		k := rowKey(r.Log, r.First)
		again, err := s.parseRow(k[:], s.appendRow(nil, k[:], &r, &away), &same)
		if !bytes.Equal(k[:], key) || err != nil || again != r || same.Digest != away.Digest || !slices.Equal(same.Holders, away.Holders) {
			t.Fatalf("%v, %v is read as %v, %v, %v", r, away, again, same, err)
		}
	})
}

func FuzzHeader(f *testing.F) {
	h := header{Checkpoint: checkpoint(9), logs: map[uint32]span{3: {1, 5}}, windows: map[string]span{"keys": {4, 8}}}
	f.Add(h.append(nil), false)
	f.Add(h.append(nil)[:60], true)
	f.Add([]byte(headerMagic), false)
	f.Fuzz(func(t *testing.T, value []byte, seal bool) {
		if from := len(headerMagic) + 1; seal && len(value) >= from+8 {
			its := salt(value[from : from+8])
			value = its.seal(bytes.Clone(value), 0, headerKey)
		}
		h, err := parseHeader(value)
		if err != nil {
			return
		}
		again, err := parseHeader(h.append(nil))
		if err != nil || !bytes.Equal(again.append(nil), h.append(nil)) {
			t.Fatalf("%v is read as %v, %v", h, again, err)
		}
	})
}

// Any change to a file is survived: examine and the checks behind it let bbolt
// neither panic nor loop.
func FuzzFile(f *testing.F) {
	m, file := sample(f, 200)
	file = file[:used(f, file)]
	f.Add(uint32(4096*5+20), []byte{9})
	f.Add(uint32(16), []byte("garbage"))
	path := filepath.Join(f.TempDir(), "index.db")
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		m.t = t
		damaged := bytes.Clone(file)
		copy(damaged[at%uint32(len(damaged)):], with)
		if err := os.WriteFile(path, damaged, fileMode); err != nil {
			t.Fatal(err)
		}
		m.survives(path, at)
	})
}
