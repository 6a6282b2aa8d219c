package order

import "github.com/ringlog/ringlog/blobstore"

// Status is what became of an append.
type Status uint8

// The statuses.
const (
	_           Status = iota // also the status of a forgotten outcome
	Appended                  // it has indices
	SeqGap                    // refused: N is the last number that its producer has used up
	KeyUsed                   // refused: N is the index that the key was used for
	HeadIs                    // refused: N is the log's head
	TooManyLogs               // refused
	statuses
)

// Outcome is what became of appends in a row.
type Outcome struct {
	Appends uint32
	Entries uint32 // of each; of a duplicate, what the first append had
	Status  Status
	// Duplicate: these appends were decided before, by producer and seq or by key, added
	// nothing, and get the first outcome again.
	Duplicate bool
	// Forgotten: a duplicate whose first outcome isn't remembered any more. Nothing but
	// Appends is set then.
	Forgotten bool
	Log       uint32 // Appended: the log's number
	First     uint64 // Appended: index of the first append's first entry; the i-th append's is First + i*Entries
	N         uint64 // refused: see Status
}

// Run is accepted entries that lie next to each other in the batch and in a log.
type Run struct {
	Log     uint32
	Name    string
	First   uint64 // index
	Ordinal uint32 // of First in the batch, from 0
	Count   uint32
}

// Decision is what was decided about a Raft entry. It belongs to the Core.
type Decision struct {
	Index, Term uint64
	Kind        Kind
	// Own: of a proposal that this Core has made since Start.
	Own bool
	// Skipped: the proposal was out of its node's sequence, or made under another
	// configuration. Nothing of it was done.
	Skipped                bool
	Node, Incarnation, Seq uint64 // who proposed; Seq counts from 1 in an incarnation
	Digest                 blobstore.Digest
	Entries                uint32 // in the batch, refused ones too
	Time                   int64  // of the accepted entries, Unix nanoseconds
	Runs                   []Run  // by ordinal
	Outcomes               []Outcome
	// Holders are the nodes that had the content when the batch was proposed: who proposed
	// it, or, if it is Placed, those that had flushed it.
	Holders []uint64
	// Placed: the content need not be here.
	Placed bool
	// Owned: this node is to have the content: if it isn't here, it is to be fetched. In a replay
	// nobody is asked for that, and it isn't set.
	Owned bool
	Chain blobstore.Digest // up to and with this decision's record
}

// show makes rec, which has just been installed, into the decision that callers see.
func (c *Core) show(rec *record) *Decision {
	d := &c.decision
	*d = Decision{
		Index: rec.index, Term: rec.term, Kind: rec.kind, Skipped: rec.skipped,
		Own:  c.incarnation != 0 && rec.node == c.options.Node && rec.incarnation == c.incarnation,
		Node: rec.node, Incarnation: rec.incarnation, Seq: rec.seq,
		Digest: rec.digest, Entries: rec.entries, Time: rec.time,
		Runs: d.Runs[:0], Outcomes: d.Outcomes[:0], Chain: c.state.chain,
		Holders: rec.holders, Placed: rec.placed,
	}
	d.Owned = rec.kind == KindBatch && c.node != nil && c.owns(rec.digest)
	ordinal := uint32(0)
	for i := range rec.items {
		it := &rec.items[i]
		d.Outcomes = append(d.Outcomes, it.Outcome)
		count := it.Appends * it.own
		if it.adds() {
			d.addRun(it, ordinal, count, c.state.logs[it.Log-1].name)
		}
		ordinal += count
	}
	return d
}

func (d *Decision) addRun(it *item, ordinal, count uint32, name string) {
	if n := len(d.Runs); n > 0 {
		if last := &d.Runs[n-1]; last.Log == it.Log && last.Ordinal+last.Count == ordinal {
			last.Count += count
			return
		}
	}
	d.Runs = append(d.Runs, Run{it.Log, name, it.First, ordinal, count})
}
