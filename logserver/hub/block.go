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

// Watcher is woken when a head it watches has moved, or when anybody calls
// Wake. Wake-ups that come before they are waited for fold into one.
type Watcher struct{ c chan struct{} }

// NewWatcher returns a Watcher with nothing to report.
func NewWatcher() *Watcher { return &Watcher{c: make(chan struct{}, 1)} }

// Wake wakes the watcher without waiting for it.
func (w *Watcher) Wake() {
	select {
	case w.c <- struct{}{}:
	default:
	}
}

// C delivers the wake-ups.
func (w *Watcher) C() <-chan struct{} { return w.c }
