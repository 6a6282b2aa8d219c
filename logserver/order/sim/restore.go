package sim

import (
	"maps"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
)

func newDisk(w *world) *fs.Mem {
	m := fs.Memory()
	if w.options.Spoil == SpoilSyncs {
		m.Lie(func(fs.Op) bool { return true })
	}
	return m
}

// restore makes a Core from the disk and the database.
func (n *node) restore() error {
	n.core = nil
	if err := n.disk.open(n.turn); err != nil {
		return err
	}
	n.core = order.New(order.Options{
		Node: n.id, Limits: n.limits, Join: n.joins, Start: n.start, Retain: 4000, About: n.about(), Zone: zone,
		Has: func(d blobstore.Digest) bool {
			_, ok := n.content[d]
			return ok || n.w.options.Spoil == SpoilContent
		},
		Placement: n.w.placement, Owns: n.owns,
	})
	if err := n.restoreContent(); err != nil {
		return err
	}
	var from segment.Position
	if db := n.db; db != nil {
		from = db.from
		n.records = slices.Clone(db.records)
		n.batches = slices.Clone(db.batches)
		for id, entries := range db.logs {
			n.logs[id] = slices.Clone(entries)
		}
		if err := n.load(db); err != nil {
			return err
		}
	}
	if err := n.disk.store.Scan(from, n.replay); err != nil {
		return err
	}
	n.flushed = len(n.records)
	return n.core.Start()
}

func (n *node) load(db *database) error {
	if err := n.core.LoadCheckpoint(db.state); err != nil {
		return err
	}
	for _, rows := range []struct {
		rows map[uint64][]byte
		load func(uint64, []byte) error
	}{{db.keys, n.core.LoadKey}, {db.outcomes, n.core.LoadOutcome}} {
		for _, number := range slices.Sorted(maps.Keys(rows.rows)) {
			if err := rows.load(number, rows.rows[number]); err != nil {
				return err
			}
		}
	}
	if n.w.options.Spoil == SpoilOrdered {
		return nil
	}
	for _, payload := range db.ordered {
		if err := n.core.ReplayOrder(payload); err != nil {
			return err
		}
	}
	return nil
}

// restoreContent finds all contents, as a node's tables of digests would.
func (n *node) restoreContent() error {
	var m blobstore.Manifest
	return n.disk.store.Scan(segment.Position{}, func(at segment.Position, kind segment.Kind, payload []byte) error {
		if kind != segment.KindContent {
			return nil
		}
		p := slices.Clone(payload)
		if err := m.Parse(p); err != nil {
			return err
		}
		n.content[m.BatchDigest()] = p
		n.places[m.BatchDigest()] = at
		n.w.oracle.flushed(n.id, m.BatchDigest())
		return nil
	})
}

func (n *node) replay(at segment.Position, kind segment.Kind, payload []byte) error {
	enter := func(d *order.Decision) error {
		n.file(d, at.Segment)
		return n.enter(d)
	}
	began := at // of the batch, or of one before: contents come first
	if n.contents != (segment.Position{}) {
		began = n.contents
	}
	if n.contents = (segment.Position{}); kind == segment.KindContent {
		n.contents = began
	}
	switch kind {
	case segment.KindOrder:
		return n.core.ReplayOrder(payload)
	case segment.KindState:
		return n.core.ReplayState(payload)
	case segment.KindDecided:
		n.last = began
		if err := n.keepNew(payload); err != nil {
			return err
		}
		return n.core.ReplayDecided(payload, enter)
	case segment.KindSeal:
		n.last = at
		if err := n.keepSealed(payload); err != nil {
			return err
		}
		return n.core.ReplaySeal(payload, enter)
	case segment.KindCheckpoint:
		return n.replayCheckpoint(payload)
	}
	return nil
}

// checkpoint saves the state, now and then; the frames behind it are those from the last
// decided frame on.
func (n *node) checkpoint() {
	every := 16
	if n.w.options.Spoil == SpoilOrdered {
		every = 1
	}
	if !n.w.chance(every) {
		return
	}
	cp, ok := n.core.Checkpoint()
	if !ok {
		return
	}
	if err := n.disk.store.FlushMark(); err != nil { // a start finds what is behind where it is now
		n.fatal(err)
		return
	}
	db := &database{state: cp.State, ordered: cp.Ordered, from: n.last, records: slices.Clone(n.records), logs: map[uint32][]string{}, batches: slices.Clone(n.batches)}
	for id, entries := range n.logs {
		db.logs[id] = slices.Clone(entries)
	}
	var keys, outcomes map[uint64][]byte
	if n.db != nil {
		keys, outcomes = n.db.keys, n.db.outcomes
	}
	db.keys, db.outcomes = merged(keys, &cp.Keys), merged(outcomes, &cp.Outcomes)
	n.core.Saved(&cp)
	n.db = db
	n.w.report.Checkpoints++
	if len(cp.Ordered) > 0 {
		n.w.report.Underway++
	}
}

func merged(rows map[uint64][]byte, w *order.Window) map[uint64][]byte {
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
