package order

import "sort"

// outcomes remembers what became of the last limit numbered appends of all
// producers. Like outcomes in a row are one run.
type outcomes struct {
	runs  ring[outcomeRun]
	next  uint64 // running number of the next numbered append, from 0
	limit int
}

// outcomeRun is what became of appends whose running numbers, and whose numbers of
// their producer, are consecutive.
type outcomeRun struct {
	producer *producer
	number   uint64 // running number of the first
	seq      uint64 // of the first
	value    uint64 // Appended: index of the first entry, else N
	appends  uint32
	entries  uint32 // of each
	log      uint32 // Appended
	status   Status
}

// end is the running number behind the run.
func (u *outcomeRun) end() uint64 { return u.number + uint64(u.appends) }

func (u *outcomeRun) lastSeq() uint64 { return u.seq + uint64(u.appends) - 1 }

// maxRun bounds how far a run grows.
const maxRun = 1 << 30

// valueAt returns the value of the run's i-th append, also of one that is not in it yet.
func (u *outcomeRun) valueAt(i uint64) uint64 {
	if u.status != Appended {
		return u.value
	}
	return u.value + i*uint64(u.entries)
}

// continues tells whether v can be merged into u, the run right before it.
func (u *outcomeRun) continues(v *outcomeRun) bool {
	n := uint64(u.appends)
	return u.producer == v.producer && u.status == v.status && u.entries == v.entries && u.log == v.log &&
		u.lastSeq()+1 == v.seq && u.valueAt(n) == v.value && n+uint64(v.appends) <= maxRun
}

// add remembers the outcome of p's next appends; v's producer and number are filled
// in here.
func (o *outcomes) add(p *producer, v outcomeRun) {
	v.producer, v.number = p, o.next
	o.next += uint64(v.appends)
	o.push(v)
	o.evict()
}

func (o *outcomes) push(v outcomeRun) {
	if o.runs.n > 0 && o.runs.last().continues(&v) {
		o.runs.last().appends += v.appends
		return
	}
	o.hold(v)
}

// hold remembers v as a run of its own.
func (o *outcomes) hold(v outcomeRun) {
	if p := v.producer; !p.forgotten {
		p.runs = append(p.runs, o.runs.next())
	}
	o.runs.push(v)
}

// first is the running number of the oldest append that a run has.
func (o *outcomes) first() uint64 {
	if o.runs.n == 0 {
		return o.next
	}
	return o.runs.at(o.runs.first).number
}

// floor is the running number of the oldest append that is remembered.
func (o *outcomes) floor() uint64 {
	return o.next - min(o.next, uint64(o.limit))
}

// evict drops runs that have nothing remembered left.
func (o *outcomes) evict() {
	floor := o.floor()
	for o.runs.n > 0 {
		u := o.runs.at(o.runs.first)
		if u.end() > floor {
			return
		}
		if !u.producer.forgotten {
			u.producer.runs = u.producer.runs[1:]
		}
		o.runs.drop()
	}
}

// find returns the outcome of p's append seq, which was decided, and for how many of
// p's appends from it on the same run has it. If it is forgotten, u is nil, and so
// are the next n.
func (o *outcomes) find(p *producer, seq uint64) (u *outcomeRun, n uint64) {
	if len(p.runs) == 0 {
		return nil, p.last - seq + 1
	}
	oldest := o.runs.at(p.runs[0])
	remembered := oldest.seq + max(o.floor(), oldest.number) - oldest.number
	if seq < remembered {
		return nil, remembered - seq
	}
	i := sort.Search(len(p.runs), func(i int) bool { return o.runs.at(p.runs[i]).seq > seq })
	u = o.runs.at(p.runs[i-1])
	return u, u.lastSeq() - seq + 1
}
