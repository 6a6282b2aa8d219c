package order

import pb "go.etcd.io/raft/v3/raftpb"

// Checkpoint is the whole state at a flushed decided record: with its State, all Keys
// and Outcomes rows up to it, what was Ordered, and the frames behind it, a Core is as one
// that never stopped.
type Checkpoint struct {
	Applied, Term  uint64 // Raft index and term of the last record in it
	State          []byte
	Keys, Outcomes Window
	// Ordered has the payloads of the order frames beyond the last record that are flushed
	// and not cancelled, ascending. Who loads the checkpoint gives them to ReplayOrder, all,
	// before any frame; some of those may be the same, or cancel them.
	Ordered [][]byte

	reach saved
}

// Window is the part of a checkpoint that is kept as rows under running numbers.
type Window struct {
	First uint64 // rows below aren't needed any more
	Rows  []WindowRow
}

// WindowRow replaces a row with the same number.
type WindowRow struct {
	N     uint64
	Value []byte
}

// saved is up to which running numbers the rows are durable.
type saved struct{ keys, outcomes uint64 }

// Checkpoint returns the state as it is. It refuses, ok false, unless every decision is
// written and the cluster is founded: flush what Ready says, Decided too, and ask again
// after Flushed; a node that is Faulty has none. It has the rows that are new since the checkpoint
// that was loaded or last told to Saved, and shares no memory with the Core. The frames
// behind it are those from the last decided frame or seal on, or from any place before.
func (c *Core) Checkpoint() (cp Checkpoint, ok bool) {
	if !c.describable() || len(c.decided) > 0 || c.probation.faulty != nil {
		return Checkpoint{}, false
	}
	entries, err := c.storage.beyond(c.state.applied, c.state.term)
	if err != nil {
		_ = c.fatal(err) // Err tells it
		return Checkpoint{}, false
	}
	cp = c.checkpoint(c.flushed)
	cp.Ordered = orderFrames(entries)
	return cp, true
}

func (c *Core) checkpoint(hard hardState) Checkpoint {
	s := &c.state
	return Checkpoint{
		Applied: s.applied, Term: s.term,
		State:    s.append(nil, hard),
		Keys:     s.keys.window(c.saved.keys),
		Outcomes: s.outcomes.window(c.saved.outcomes),
		reach:    saved{s.keys.rows.next(), s.outcomes.next},
	}
}

// Replayed returns the state as far as it was replayed, before Start: so a replay of very
// much need not begin anew when it is broken off. It refuses, ok false, where frames were lost
// of which it isn't known yet what they ordered; frames must be replayed again from the decided
// frame on that was replayed last.
func (c *Core) Replayed() (cp Checkpoint, ok bool) {
	s, r := &c.state, &c.restore
	if c.node != nil || r.loading != nil || c.gap() != 0 || c.lacksOrder() != nil || s.applied == 0 {
		return Checkpoint{}, false
	}
	hard := r.hard
	hard.raise(hardState{term: max(s.term, r.newest)})
	cp = c.checkpoint(hard)
	cp.Ordered = orderFrames(r.entries)
	return cp, true
}

// orderFrames returns the payloads of order frames for entries.
func orderFrames(entries []*pb.Entry) (list [][]byte) {
	for _, e := range entries {
		list = append(list, appendOrder(nil, e))
	}
	return list
}

// Saved says that cp is durable, so that later checkpoints need not have its rows.
func (c *Core) Saved(cp *Checkpoint) {
	c.saved.keys = max(c.saved.keys, cp.reach.keys)
	c.saved.outcomes = max(c.saved.outcomes, cp.reach.outcomes)
}

const (
	keyRowVersion     = 1
	outcomeRowVersion = 1
	maxRow            = 96 // bytes of a row of either kind
)

// window returns the rows from the number on.
func (k *keys) window(from uint64) Window {
	from = max(from, k.rows.first)
	w := newWindow(k.rows.first, int(k.rows.next()-from))
	for n := from; n < k.rows.next(); n++ {
		w.add(n, k.rows.at(n).append)
	}
	return w.Window
}

// window returns the rows of the runs that reach the running number from: the first
// of them may have grown since its row was written, and replaces it.
func (o *outcomes) window(from uint64) Window {
	id := o.runs.next()
	for id > o.runs.first && o.runs.at(id-1).end() > from {
		id--
	}
	w := newWindow(o.runs.first, int(o.runs.next()-id))
	for ; id < o.runs.next(); id++ {
		w.add(id, o.runs.at(id).append)
	}
	return w.Window
}

// window builds a Window whose rows share one piece of memory.
type window struct {
	Window
	memory []byte
}

func newWindow(first uint64, rows int) window {
	w := window{Window: Window{First: first}}
	if rows > 0 {
		w.Rows = make([]WindowRow, 0, rows)
		w.memory = make([]byte, 0, rows*maxRow)
	}
	return w
}

func (w *window) add(n uint64, encode func(dst []byte) []byte) {
	start := len(w.memory)
	w.memory = encode(w.memory)
	w.Rows = append(w.Rows, WindowRow{n, w.memory[start:len(w.memory):len(w.memory)]})
}

// append encodes a row: version: a byte; hash (16 bytes), digest (32 bytes); index:
// uvarint; checksum.
func (row *keyRow) append(dst []byte) []byte {
	start := len(dst)
	dst = append(append(dst, keyRowVersion), row.key[:]...)
	dst = appendUvarints(append(dst, row.digest[:]...), row.index)
	return appendSum(dst, start)
}

func (row *keyRow) decode(data []byte) error {
	const what = "row of a key"
	r := summed(data)
	if err := r.version(what); err != nil {
		return err
	}
	r.into(row.key[:])
	r.into(row.digest[:])
	row.index = r.between(1, maxNumber)
	return r.end(what)
}

// append encodes a row: version, status: a byte each; running number, the producer's
// serial, seq, value, appends, entries, log: uvarint; checksum.
func (u *outcomeRun) append(dst []byte) []byte {
	start := len(dst)
	dst = appendUvarints(append(dst, outcomeRowVersion, byte(u.status)), u.number, u.producer.serial, u.seq, u.value,
		uint64(u.appends), uint64(u.entries), uint64(u.log))
	return appendSum(dst, start)
}

func (u *outcomeRun) decode(data []byte) (serial uint64, err error) {
	const what = "row of an outcome"
	r := summed(data)
	if err := r.version(what); err != nil {
		return 0, err
	}
	u.status = Status(r.byte())
	u.number, serial = r.uvarint(), r.uvarint()
	u.seq = r.between(1, maxNumber)
	u.value = r.between(0, maxNumber)
	u.appends = uint32(r.between(1, maxRun))
	u.entries = r.uint32()
	u.log = r.uint32()
	if u.status == 0 || u.status >= statuses {
		r.fail()
	}
	return serial, r.end(what)
}
