package hub

// Block is a run of entries of one log, encoded as the lines that a plain read
// sends. It is immutable once announced, and shared by all tails.
type Block struct {
	First uint64   // index of the first entry
	Lines []byte   // the lines, one after the other
	Ends  []uint32 // where each entry's line ends in Lines
}

// Last returns the index of the block's last entry.
func (b *Block) Last() uint64 { return b.First + uint64(len(b.Ends)) - 1 }

// Slice returns the lines of the entries from..to, both of which lie in b.
func (b *Block) Slice(from, to uint64) []byte {
	start := uint32(0)
	if i := from - b.First; i > 0 {
		start = b.Ends[i-1]
	}
	return b.Lines[start:b.Ends[to-b.First]]
}

// compare tells whether b lies before (-1) or after (1) index, or holds it.
func (b *Block) compare(index uint64) int {
	switch {
	case b.Last() < index:
		return -1
	case b.First > index:
		return 1
	}
	return 0
}

// Watcher is woken when a head that it watches has moved. Wake must not block; what
// comes of it is up to the Watcher.
type Watcher interface{ Wake() }
