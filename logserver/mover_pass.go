package logserver

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
)

// pass looks at all entries of all logs, and has what is missing come.
func (v *mover) pass(w *workload) {
	l := v.member.log
	placed := v.member.placed() // as of now: it may change meanwhile
	v.looking(true)
	defer v.looking(false)
	missing := uint64(0)
	v.each(func(rows []index.Row) bool {
		for i := range rows {
			if _, wanted := v.wanted(&rows[i]); wanted {
				missing += uint64(rows[i].Count)
			}
		}
		return w.did(0)
	})
	v.mu.Lock()
	v.state.Missing = missing
	v.mu.Unlock()
	if missing == 0 {
		v.settledFor(placed)
		return
	}
	p := movePass{mover: v, load: w}
	v.each(p.rows)
	if !p.flush() {
		return
	}
	if p.failed == 0 {
		v.settledFor(placed)
	} else {
		l.refusals.Error(l.options.Logger, p.err, "content that this node is to have could not be had; it is tried again")
		l.member.mover.lookLater()
	}
}

// settle has come what was not here when it was decided, unless it has come by itself.
func (v *mover) settle(owed []index.Row, w *workload) {
	x := v.member.log.index
	p := movePass{mover: v, load: w}
	var rows []index.Row
	for i := range owed {
		found, err := x.Range(owed[i].Log, owed[i].First, nil, 1)
		if err == nil && len(found) > 0 && found[0].Place.IsAway() {
			rows = append(rows, found[0])
		} else {
			v.came(uint64(owed[i].Count))
		}
	}
	if p.rows(rows) && p.flush() && p.failed > 0 {
		v.lookLater()
	}
}

// came counts entries that are not missing any more.
func (v *mover) came(entries uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state.Missing -= min(v.state.Missing, entries)
}

// settledFor notes that everything is here that a placement wants here.
func (v *mover) settledFor(placed string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.settled = placed
}

// settledPlacement names the placement for which everything is here. A mover that is switched off
// keeps nobody waiting.
func (v *mover) settledPlacement() string {
	if v.member.options.MoveRate < 0 {
		return v.member.placed()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.settled
}

func (v *mover) looking(so bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.state.Looking = so
}

// lookLater has everything looked at again when it is time to try again.
func (v *mover) lookLater() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = true
}

// each calls fn with all rows of all logs, some at a time, until it says no.
func (v *mover) each(fn func(rows []index.Row) bool) {
	l := v.member.log
	var rows []index.Row
	for _, topic := range l.hub.Logs() {
		for from := uint64(1); from <= topic.Head(); {
			var err error
			rows, err = l.index.Range(topic.ID(), from, rows[:0], rowsAtOnce)
			if err != nil || len(rows) == 0 {
				break // who reads them is told
			}
			if !fn(rows) {
				return
			}
			from = rows[len(rows)-1].Last() + 1
		}
	}
}

// wanted tells whether content of a row is to come to this node.
func (v *mover) wanted(row *index.Row) (away blobstore.Away, wanted bool) {
	if !row.Place.IsAway() {
		return away, false
	}
	away, ok, err := v.member.log.index.Away(row.Log, row.First)
	return away, err == nil && ok && v.member.owns(away.Digest)
}

// movePass is one look at everything.
type movePass struct {
	mover  *mover
	load   *workload
	list   []coming
	bytes  int
	failed int
	err    error
}

// rows has come what is missing of some rows.
func (p *movePass) rows(rows []index.Row) bool {
	f := p.mover.member.fetcher
	asked := 0
	for i := range rows {
		away, wanted := p.mover.wanted(&rows[i])
		if !wanted {
			continue
		}
		for ahead := f.ahead(); asked < len(rows) && asked <= i+ahead; asked++ {
			if a, wanted := p.mover.wanted(&rows[asked]); wanted {
				f.begin(&rows[asked], &a)
			}
		}
		if !p.row(&rows[i], &away) {
			return false
		}
	}
	return true
}

// row has the content of a row come.
func (p *movePass) row(row *index.Row, away *blobstore.Away) bool {
	payload, err := p.mover.member.fetcher.get(row, away)
	if errors.Is(err, ErrClosed) {
		return false
	}
	if err != nil {
		p.failed++
		p.err = err
		return p.load.did(0)
	}
	for i := range p.list { // it is one of those that are about to be stored
		for j := range p.list[i].rows {
			if r := &p.list[i].rows[j]; r.Log == row.Log && r.First == row.First {
				return true
			}
		}
	}
	c := coming{payload: payload, digest: away.Digest, rows: p.mover.siblings(row, away.Digest, payload)}
	if at, ok := p.mover.mendOrphan(payload); ok {
		p.mover.found(&c, at)
		return p.load.did(len(payload))
	}
	p.list = append(p.list, c)
	if p.bytes += len(payload); p.bytes < moveStep {
		return true
	}
	return p.flush()
}

// flush stores what has come.
func (p *movePass) flush() bool {
	ok := p.mover.store(p.list) && p.load.did(p.bytes)
	p.list, p.bytes = nil, 0
	return ok
}

// siblings returns all rows that were made of a batch, of which row is one: they have its time, and
// its digest.
func (v *mover) siblings(row *index.Row, d blobstore.Digest, payload []byte) (rows []index.Row) {
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil || m.Len() == int(row.Count) {
		return []index.Row{*row}
	}
	for _, topic := range v.member.log.hub.Logs() {
		rows = v.siblingsIn(topic, row, d, rows)
	}
	return rows
}

func (v *mover) siblingsIn(topic *hub.Topic, row *index.Row, d blobstore.Digest, siblings []index.Row) []index.Row {
	x := v.member.log.index
	first, ok, err := x.AtTime(topic.ID(), row.Time)
	var rows []index.Row
	for err == nil && ok {
		rows, err = x.Range(topic.ID(), first, rows[:0], 4)
		for i := range rows {
			r := &rows[i]
			if r.Time != row.Time {
				return siblings
			}
			if v.same(r, row, d) {
				siblings = append(siblings, *r)
			}
			first = r.Last() + 1
		}
		ok = len(rows) > 0
	}
	return siblings
}

// same tells whether a row is about the same content as another one.
func (v *mover) same(r, row *index.Row, d blobstore.Digest) bool {
	if !row.Place.IsAway() {
		return positionOf(r.Place) == positionOf(row.Place)
	}
	if !r.Place.IsAway() {
		return false
	}
	away, ok, err := v.member.log.index.Away(r.Log, r.First)
	return err == nil && ok && away.Digest == d
}
