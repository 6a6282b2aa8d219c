package logserver

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
)

// A mover has content come to this node that it is to have and hasn't got, or has damaged: from other
// nodes, in the background. Content that is damaged is put right where it lies; other content is written to the
// stream, behind what was decided about it.
type mover struct {
	member *member
	wake   chan struct{}

	mu      sync.Mutex // guards the following
	damaged map[segment.Position]blobstore.Place
	orphans map[segment.Position]blobstore.Place // damaged, and it isn't known whose
	owed    []index.Row                          // their content was not here when they were decided
	all     bool                                 // look at everything
	settled string                               // for which placement everything has come; empty: none yet
	state   Repairs
}

// Repairs says what of the content that this node is to have isn't here, or is damaged.
type Repairs struct {
	Missing uint64 `json:"missing_entries"` // that are to be fetched, as far as is known
	Damaged int    `json:"damaged_batches"` // that are to be put right
	Fetched uint64 `json:"fetched_batches"` // since the start
	Mended  uint64 `json:"mended_batches"`  // that were damaged, since the start
	Bytes   uint64 `json:"repaired_bytes"`  // of both
	Looking bool   `json:"looking"`         // everything is being looked at
}

const (
	moveStep  = 1 << 20 // bytes that are written at once, about
	mendAhead = 4       // batches that are fetched ahead to be put right
	moveBusy  = 4       // while there are appends, it rests for so many times as long
)

func newMover(m *member) *mover {
	return &mover{
		member: m, wake: make(chan struct{}, 1),
		damaged: make(map[segment.Position]blobstore.Place), orphans: make(map[segment.Position]blobstore.Place),
	}
}

// repair has damaged content put right.
func (v *mover) repair(p blobstore.Place) {
	v.mu.Lock()
	_, known := v.damaged[positionOf(p)]
	v.damaged[positionOf(p)] = p
	v.mu.Unlock()
	if !known {
		v.poke()
	}
}

// maxOwed is how many rows are remembered one by one whose content is to come.
const maxOwed = 1 << 16

// owe says that content of rows was not here when it was decided. It is given some time to
// come by itself.
func (v *mover) owe(rows []index.Row) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.owed)+len(rows) > maxOwed {
		v.all = true
		return
	}
	v.owed = append(v.owed, rows...)
	for i := range rows {
		v.state.Missing += uint64(rows[i].Count)
	}
}

// lookAtAll has everything looked at.
func (v *mover) lookAtAll() {
	v.mu.Lock()
	v.all = true
	v.mu.Unlock()
	v.poke()
}

func (v *mover) poke() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Repairs returns what of this node's content isn't as it should be; ok is false for a Log that is
// alone.
func (l *Log) Repairs() (r Repairs, ok bool) {
	if l.member == nil {
		return r, false
	}
	v := l.member.mover
	v.mu.Lock()
	defer v.mu.Unlock()
	r = v.state
	r.Damaged = len(v.damaged) + len(v.orphans)
	return r, true
}

// run is the goroutine of the mover.
func (v *mover) run() {
	o := v.member.options
	if o.MoveRate < 0 {
		return
	}
	l := v.member.log
	pass, again := time.NewTimer(o.MoveAfter), time.NewTimer(o.MoveRetry)
	defer pass.Stop()
	defer again.Stop()
	for {
		later := false
		select {
		case <-v.wake:
		case <-again.C:
			later = true
			again.Reset(o.MoveRetry)
		case <-pass.C:
			v.lookAtAll()
			pass.Reset(o.MoveEvery)
			continue
		case <-l.closing:
			return
		case <-l.failed:
			return
		}
		v.work(later)
	}
}

// work does what there is to do; later also what was given time to be done otherwise.
func (v *mover) work(later bool) {
	if !v.member.hasOthers() {
		return
	}
	v.mu.Lock()
	places := make([]blobstore.Place, 0, len(v.damaged))
	for _, p := range v.damaged {
		places = append(places, p)
	}
	all := v.all
	v.all = false
	var owed []index.Row
	if later || all {
		owed, v.owed = v.owed, nil
	}
	v.mu.Unlock()
	slices.SortFunc(places, func(a, b blobstore.Place) int {
		return cmp.Or(cmp.Compare(a.Segment, b.Segment), cmp.Compare(a.Offset, b.Offset))
	})
	w := workload{rate: v.member.options.MoveRate, log: v.member.log}
	for i, p := range places {
		v.fetchAhead(places[i+1 : min(len(places), i+1+mendAhead)])
		if !v.mend(p, &w) {
			return
		}
	}
	if all {
		v.pass(&w)
		return
	}
	v.settle(owed, &w)
}

// workload is how much was done, to rest accordingly.
type workload struct {
	log     *Log
	rate    int64
	debt    int64
	commits uint64
}

// did rests when enough was done, and tells whether to go on.
func (w *workload) did(bytes int) bool {
	if w.debt += int64(bytes); w.debt < max(1, w.rate/16) {
		return w.log.rests(0)
	}
	rest := time.Duration(float64(w.debt) / float64(w.rate) * float64(time.Second))
	if now := w.log.commits.Load(); now != w.commits {
		rest, w.commits = rest*moveBusy, now
	}
	w.debt = 0
	return w.log.rests(rest)
}

// coming is content that is about to be written to the stream, and the rows that are about it.
type coming struct {
	payload []byte
	digest  blobstore.Digest
	rows    []index.Row
}

// store has content written to the stream. False: it can't be, for now.
func (v *mover) store(list []coming) bool {
	if len(list) == 0 {
		return true
	}
	l := v.member.log
	if err := l.do(context.Background(), func() error { return v.member.storeLate(list) }); err != nil {
		if !errors.Is(err, ErrClosed) {
			l.refusals.Error(l.options.Logger, err, "content of other nodes can't be stored for now")
		}
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range list {
		v.state.Fetched++
		v.state.Bytes += uint64(len(list[i].payload))
		for j := range list[i].rows {
			v.state.Missing -= min(v.state.Missing, uint64(list[i].rows[j].Count))
		}
	}
	return true
}
