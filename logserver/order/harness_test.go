package order

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// flush is what one batch of frames holds.
type flush struct {
	order   [][]byte
	state   []byte
	decided []byte
	// Or, where a file ends and the next begins, these alone:
	seal, checkpoint []byte
}

func (f *flush) take(r Ready) {
	for _, o := range r.Order {
		f.order = append(f.order, bytes.Clone(o))
	}
	f.state, f.decided = bytes.Clone(r.State), bytes.Clone(r.Decided)
}

// database holds the last checkpoint as a server would.
type database struct {
	state          []byte
	keys, outcomes map[uint64][]byte
	ordered        [][]byte
	replay         int // flushes before it aren't needed
}

func (d *database) save(cp *Checkpoint, replay int) *database {
	return &database{cp.State, merged(d.keys, &cp.Keys), merged(d.outcomes, &cp.Outcomes), cp.Ordered, replay}
}

func merged(rows map[uint64][]byte, w *Window) map[uint64][]byte {
	out := make(map[uint64][]byte)
	for n, v := range rows {
		if n >= w.First {
			out[n] = v
		}
	}
	for _, row := range w.Rows {
		out[row.N] = row.Value
	}
	return out
}

func sorted(rows map[uint64][]byte, fn func(uint64, []byte) error) error {
	var numbers []uint64
	for n := range rows {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if err := fn(n, rows[n]); err != nil {
			return err
		}
	}
	return nil
}

// machine is a Core with its disk.
type machine struct {
	t       testing.TB
	options Options
	core    *Core
	disk    []flush
	db      *database
	decided func(*Decision)
	began   int                        // flushes before the file that is being written
	places  map[int64]blobstore.Digest // of contents, as Filed was told
}

func newMachine(t testing.TB, limits Limits) *machine {
	m := &machine{t: t, options: Options{Node: 1, Limits: limits}, db: &database{}}
	m.core = New(m.options)
	m.start()
	return m
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) start() {
	m.t.Helper()
	m.must(m.core.Start())
	m.settle()
	if !m.core.Serving() {
		m.t.Fatal("not serving after start")
	}
}

// settle flushes and advances until nothing must be flushed.
func (m *machine) settle() {
	m.t.Helper()
	for m.step() {
	}
	m.must(m.core.Err())
}

func (m *machine) step() bool {
	m.t.Helper()
	if !m.flush() {
		return false
	}
	m.advance()
	return true
}

func (m *machine) flush() bool {
	r, ok := m.core.Ready()
	if ok {
		m.write(r)
	}
	return ok
}

func (m *machine) write(r Ready) {
	var f flush
	f.take(r)
	m.disk = append(m.disk, f)
}

func (m *machine) advance() {
	m.t.Helper()
	m.must(m.core.Advance(m.take))
}

// early decides what need not wait for a flush, and returns the last of it.
func (m *machine) early() (last uint64) {
	m.t.Helper()
	m.must(m.core.Early(func(d *Decision) {
		last = d.Index
		m.take(d)
	}))
	return last
}

func (m *machine) take(d *Decision) {
	m.file(d)
	if m.decided != nil {
		m.decided(d)
	}
}

// file tells where the content of a decision lies: of every third in another file.
func (m *machine) file(d *Decision) {
	if d.Kind != KindBatch || d.Index%3 == 0 {
		m.core.Filed(0)
		return
	}
	if m.places == nil {
		m.places = make(map[int64]blobstore.Digest)
	}
	offset := 8 * int64(d.Index)
	m.places[offset] = d.Digest
	m.core.Filed(offset)
}

// turn ends a file and begins the next, and wants the seal to have all that was decided.
func (m *machine) turn() {
	m.t.Helper()
	m.settle()
	m.core.offered = false // it was only asked for
	seal, checkpoint, ok := m.core.Turn(7)
	if !ok {
		m.t.Fatal("no turn when settled")
	}
	s, err := ReadSeal(seal)
	m.must(err)
	want := []byte{decidedVersion}
	for _, f := range append(m.disk[m.began:len(m.disk):len(m.disk)], flush{decided: s.Rest}) {
		if len(f.decided) > 0 {
			want = append(want, f.decided[1:]...)
		}
	}
	got, err := s.Records(func(offset int64) (blobstore.Digest, error) { return m.places[offset], nil })
	m.must(err)
	if !bytes.Equal(got, want) || s.Segment != 7 {
		m.t.Fatalf("the seal of %d has\n%x\nwant\n%x", s.Segment, got, want)
	}
	m.must(m.core.Agrees(checkpoint))
	m.disk = append(m.disk, flush{seal: seal, checkpoint: checkpoint})
	m.core.Turned()
	m.began = len(m.disk)
	if m.core.PendingDecided() {
		m.t.Fatal("something is still to be written after a turn")
	}
}

// idle writes the decided records that nothing else took along.
func (m *machine) idle() {
	m.t.Helper()
	m.settle()
	if m.core.PendingDecided() {
		r, ok := m.core.Ready()
		if ok || r.Decided == nil || r.Order != nil || r.State != nil {
			m.t.Fatalf("ready when idle: %v %v", r, ok)
		}
		m.write(r)
		m.advance()
	}
}

func (m *machine) checkpoint() {
	m.t.Helper()
	m.idle()
	cp, ok := m.core.Checkpoint()
	if !ok {
		m.t.Fatal("no checkpoint when idle")
	}
	m.db = m.db.save(&cp, len(m.disk))
	m.core.Saved(&cp)
}

// restored returns a Core made from a checkpoint, if there is one, and flushes.
func restored(o Options, db *database, disk []flush) (*Core, error) {
	c := New(o)
	if db.state != nil {
		if err := c.LoadCheckpoint(db.state); err != nil {
			return nil, err
		}
		if err := sorted(db.keys, c.LoadKey); err != nil {
			return nil, err
		}
		if err := sorted(db.outcomes, c.LoadOutcome); err != nil {
			return nil, err
		}
		for _, o := range db.ordered {
			if err := c.ReplayOrder(o); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range disk[db.replay:] {
		if err := replay(c, f); err != nil {
			return nil, err
		}
	}
	return c, c.loaded()
}

func replay(c *Core, f flush) error {
	if f.decided != nil {
		if err := c.ReplayDecided(f.decided, nil); err != nil {
			return err
		}
	}
	if f.state != nil {
		if err := c.ReplayState(f.state); err != nil {
			return err
		}
	}
	for _, o := range f.order {
		if err := c.ReplayOrder(o); err != nil {
			return err
		}
	}
	if f.seal == nil {
		return nil
	}
	if err := c.ReplaySeal(f.seal, nil); err != nil {
		return err
	}
	return c.ReplayCheckpoint(f.checkpoint)
}

// restart is what happens after kill -9.
func (m *machine) restart() {
	m.t.Helper()
	c, err := restored(m.options, m.db, m.disk)
	m.must(err)
	m.core, m.began = c, len(m.disk)
	m.start()
}

// propose makes one batch of appends, and returns what each of them got.
func (m *machine) propose(stamp int64, appends ...Append) []answer {
	m.t.Helper()
	var got []answer
	before := m.decided
	m.decided = func(d *Decision) {
		if d.Kind == KindBatch && d.Own {
			got = answers(m.t, d, appends)
			if d.Placed != (stamp%3 == 2) || d.Holders[0] != 1 {
				m.t.Errorf("placed %v, holders %v", d.Placed, d.Holders)
			}
		}
		if before != nil {
			before(d)
		}
	}
	p := proposal(appends)
	if stamp%3 == 2 { // some are placed: whatever holds of the others holds of them
		p.Place([]uint64{1, uint64(stamp)})
	}
	m.must(m.core.Propose(p, digestOf(stamp, appends), stamp))
	m.settle()
	m.decided = before
	if len(got) != len(appends) {
		m.t.Fatalf("%d answers to %d appends", len(got), len(appends))
	}
	return got
}

func proposal(appends []Append) *Proposal {
	p := new(Proposal)
	p.Reset()
	for i := range appends {
		p.Add(&appends[i])
	}
	return p
}

func digestOf(stamp int64, appends []Append) blobstore.Digest {
	return blobstore.Sum(fmt.Appendf(nil, "%d %v", stamp, appends))
}

// answer is what one append got.
type answer struct {
	status    Status
	duplicate bool
	forgotten bool
	index     uint64 // of the first entry
	entries   uint32
	n         uint64
}

// answers takes a decision apart, and checks that outcomes and runs agree.
func answers(t testing.TB, d *Decision, appends []Append) (list []answer) {
	t.Helper()
	type at struct {
		log   uint32
		index uint64
	}
	where := make(map[uint32]at)
	for i, r := range d.Runs {
		for k := range r.Count {
			where[r.Ordinal+k] = at{r.Log, r.First + uint64(k)}
		}
		if i > 0 && d.Runs[i-1].Ordinal+d.Runs[i-1].Count > r.Ordinal {
			t.Fatalf("runs overlap: %v", d.Runs)
		}
	}
	ordinal, accepted := uint32(0), 0
	for _, o := range d.Outcomes {
		for i := range o.Appends {
			own := appends[len(list)].Entries
			a := answer{status: o.Status, duplicate: o.Duplicate, forgotten: o.Forgotten, entries: o.Entries, n: o.N}
			if o.Status == Appended {
				a.index = o.First + uint64(i)*uint64(o.Entries)
			}
			list = append(list, a)
			for k := range uint32(own) {
				if o.Status == Appended && !o.Duplicate {
					accepted++
					if want := (at{o.Log, a.index + uint64(k)}); where[ordinal] != want {
						t.Fatalf("ordinal %d is at %v in runs, %v in outcomes", ordinal, where[ordinal], want)
					}
				}
				ordinal++
			}
		}
	}
	if ordinal != d.Entries || accepted != len(where) {
		t.Fatalf("%d of %d entries decided, %d of %d accepted", ordinal, d.Entries, accepted, len(where))
	}
	return list
}

// wholeHash stands for all of the state.
func (c *Core) wholeHash() [32]byte {
	s := &c.state
	b := s.append(nil, hardState{})
	for _, w := range []Window{s.keys.window(0), s.outcomes.window(0)} {
		for _, row := range w.Rows {
			b = fmt.Appendf(b, "%d %x\n", row.N, row.Value)
		}
	}
	return sha256.Sum256(b)
}

// userHash stands for what clients can tell of the state: not for Raft's entries, nor
// for starts.
func (c *Core) userHash() [32]byte {
	s := &c.state
	applied, term, chain, nodes := s.applied, s.term, s.chain, s.nodes
	s.applied, s.term, s.chain, s.nodes = 0, 0, blobstore.Digest{}, nil
	defer func() { s.applied, s.term, s.chain, s.nodes = applied, term, chain, nodes }()
	return c.wholeHash()
}

func one(log string) Append { return Append{Log: []byte(log), Entries: 1} }

func numbered(log, producer string, seq uint64) Append {
	return Append{Log: []byte(log), Entries: 1, Producer: []byte(producer), Seq: seq}
}

func keyed(log, key, entry string) Append {
	return Append{Log: []byte(log), Entries: 1, Key: []byte(key), KeyDigest: blobstore.Sum([]byte(entry))}
}

func after(log string, head uint64) Append {
	return Append{Log: []byte(log), Entries: 1, HasAfter: true, After: head}
}
