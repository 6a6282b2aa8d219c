package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// cutEntry reads {"index":N,"entry":…}, an entry without meta.
func cutEntry(line []byte) (index uint64, entry []byte, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"index":`))
	if !ok {
		return 0, nil, false
	}
	index, rest = cutNumber(rest)
	rest, ok = bytes.CutPrefix(rest, []byte(`,"entry":`))
	if !ok || index == 0 || len(rest) < len("{}}") || rest[len(rest)-1] != '}' {
		return 0, nil, false
	}
	return index, rest[:len(rest)-1], true
}

// parseMeta reads an entry with meta; ok is false if the line is no entry.
func parseMeta(line []byte, s *slab) (e Entry, ok bool, err error) {
	if !bytes.Contains(line, []byte(`"entry":`)) {
		return Entry{}, false, nil
	}
	var m struct {
		Index uint64          `json:"index"`
		Time  time.Time       `json:"time"`
		Hash  string          `json:"hash"`
		Key   string          `json:"key"`
		Entry json.RawMessage `json:"entry"`
	}
	head, entry := splitMeta(line)
	if err := json.Unmarshal(head, &m); err != nil {
		return Entry{}, false, fmt.Errorf("%w: %.100q", ErrProtocol, line)
	}
	if entry == nil {
		entry = m.Entry
	}
	if m.Index == 0 || entry == nil {
		return Entry{}, false, nil
	}
	e = Entry{Index: m.Index, Time: m.Time.UTC(), Key: m.Key, Data: s.copy(entry)}
	hash, err := hex.DecodeString(m.Hash)
	if err != nil || len(hash) != len(e.Hash) {
		return Entry{}, false, fmt.Errorf("%w: hash %.100q", ErrProtocol, m.Hash)
	}
	e.Hash = [32]byte(hash)
	return e, true, nil
}

// splitMeta parts what is before the entry, made an object of its own, from
// the entry, the last member of the line: so the entry need not be parsed. A
// value before it can't hold a quote that is not escaped, so what looks like
// the member's name is it. If the line isn't so, head is all of it.
func splitMeta(line []byte) (head, entry []byte) {
	const name = `,"entry":`
	i := bytes.Index(line, []byte(name))
	if i < 0 || line[len(line)-1] != '}' {
		return line, nil
	}
	entry = line[i+len(name) : len(line)-1]
	line[i] = '}' // the comma
	return line[:i+1], entry
}

// slab copies entries into memory taken in larger pieces: one allocation for
// many short entries, which the caller may yet keep.
type slab struct{ free []byte }

const slabSize = 16 << 10

func (s *slab) copy(b []byte) []byte {
	if len(b) > slabSize/4 {
		return bytes.Clone(b)
	}
	if len(b) > len(s.free) {
		s.free = make([]byte, slabSize)
	}
	n := copy(s.free, b)
	c := s.free[:n:n]
	s.free = s.free[n:]
	return c
}
