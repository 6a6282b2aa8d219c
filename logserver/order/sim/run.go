package sim

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	mrand "math/rand/v2"

	"github.com/ringlog/ringlog/logserver/order"
)

// Options say what is run.
type Options struct {
	Nodes   int           // that the cluster begins with; 0: 3
	Clients int           // 0: 4
	Faults  time.Duration // for how long there are any; 0: 8 s
	Think   time.Duration // about as long as a client waits between operations; 0: 1 to 100 ms
	Quiet   bool          // no faults at all
	Apart   bool          // more nodes than replicas; without it and Nodes, a fourth of the seeds
	Spoil   Spoil
}

// Spoil takes one guarantee away.
type Spoil int

// What can be taken away.
const (
	SpoilNothing Spoil = iota
	SpoilSyncs         // disks lie about what they have flushed
	SpoilVotes         // votes and terms are not stored
	SpoilAnswers       // answers are given before a quorum has it
	SpoilContent       // order is stored whether its content is here or not
	SpoilReads         // heads are told without asking anybody
	SpoilTwice         // a node proposes a batch again under another number
	SpoilOrdered       // checkpoints leave out what is ordered and not decided
	SpoilHeld          // nodes say that they hold content that they haven't flushed
	SpoilHolders       // batches are proposed as if enough held them
	SpoilFetch         // nobody fetches what it owns
)

// Report says what a run has seen.
type Report struct {
	Seed                                         uint64
	Events, Messages, Flushes, Checkpoints       int
	Proposals, Acknowledged, Heads               int
	Partitions, Crashes, Kills, Freezes, Leaders int
	Joined, Left, Lost, Pulled, Faulty, Copies   int
	Turns, Verified, Replaced, Set               int
	Apart, Placed, TooFew, Fetched               int // clusters with more nodes than replicas; batches
	Underway                                     int // checkpoints with something ordered and not decided
	Virtual                                      time.Duration
	Err                                          error
	Trace                                        []string    // what happened last, if Err isn't nil
	History                                      []Operation // if Err is nil
}

func (r *Report) String() string {
	return fmt.Sprintf("seed %d: %v\n%s", r.Seed, r.Err, strings.Join(r.Trace, "\n"))
}

// Run runs one seed. Only one run can be under way in a process.
func Run(seed uint64, o Options) Report { return run(seed, o, (*world).whole) }

func run(seed uint64, o Options, do func(*world)) Report {
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	or(&o.Faults, 8*time.Second)
	o.Nodes, o.Clients = max(o.Nodes, 0), max(o.Clients, 0)
	w := &world{r: mrand.New(mrand.NewPCG(seed, 9)), nodes: map[uint64]*node{}}
	o.Apart = o.Apart || !o.Quiet && o.Nodes == 0 && w.chance(4)
	if o.Nodes == 0 {
		o.Nodes = 3
		if o.Apart {
			o.Nodes = 5 + w.r.IntN(5)
		}
	}
	if o.Clients == 0 {
		o.Clients = 4
	}
	w.placement, w.most = order.Placement{Replicas: order.MaxReplicas}, 6
	if o.Apart {
		w.placement = order.Placement{Replicas: 1 + w.r.IntN(3), Commit: order.Commit(w.r.IntN(3))}
		w.placement.OtherZones = w.r.IntN(w.placement.Replicas)
		w.most = 10
		w.report.Apart++
	}
	or(&o.Think, w.between(time.Millisecond, 20*time.Millisecond)*time.Duration(1+4*w.r.IntN(2)))
	w.options = o
	w.oracle = newOracle(w)
	seeded(seed, func() {
		defer func() {
			if p := recover(); p != nil {
				w.fail("%w: %v\n%s", errPanic, p, debug.Stack())
			}
		}()
		do(w)
	})
	w.report.Seed, w.report.Virtual, w.report.Err = seed, w.now, w.failure
	if w.failure != nil {
		w.report.Trace = w.trace
	} else {
		w.report.History = w.history()
	}
	return w.report
}

// whole is a run from the founding to the last check.
func (w *world) whole() {
	w.found()
	for i := range w.options.Clients {
		c := &client{w: w, name: fmt.Sprintf("c%d", i+1)}
		w.clients = append(w.clients, c)
		w.after(w.between(0, w.options.Think), c.begin)
	}
	if !w.options.Quiet {
		w.nemesis()
	}
	w.run(w.now+w.options.Faults, nil)
	w.recover()
	if w.failure == nil && !w.options.Quiet && w.chance(10) && w.safe() {
		w.say("back to one")
		w.backToOne()
	}
	if w.failure == nil && !w.options.Quiet && w.options.Spoil == SpoilNothing && w.chance(10) && w.safe() {
		w.oldCopy(w.chance(3))
	}
	if w.failure == nil {
		w.verify()
	}
}

// found begins with one node and makes it a cluster.
func (w *world) found() {
	w.add(1, false)
	for id := uint64(2); id <= uint64(w.options.Nodes); id++ {
		w.add(id, true)
		w.join(id)
	}
	if !w.options.Quiet && w.chance(4) {
		return // the faults begin at once
	}
	w.run(20*time.Second, func() bool {
		for _, n := range w.nodes {
			if m := n.core.Members(); len(m.Outgoing) > 0 || len(m.Voters) != min(w.options.Nodes-1+w.options.Nodes%2, 7) {
				return false
			}
		}
		return true
	})
	if w.now >= 20*time.Second {
		w.fail("no cluster: %s", w.standing())
	}
}

// join has a node made a member by whoever leads, until it is one.
func (w *world) join(id uint64) {
	for _, other := range w.ids {
		if n := w.nodes[other]; n.up && n.id != id && n.core.Members().Has(id) {
			w.report.Joined++
			w.oracle.joined = max(w.oracle.joined, id)
			return
		}
	}
	if w.nodes[id].leaving {
		return
	}
	if n := w.leader(); n != nil {
		_ = n.core.Join(id, w.about(id)) // it is tried again
		n.pump()
	}
	w.after(200*time.Millisecond, func() { w.join(id) })
}

// leader returns a node that leads as far as it knows.
func (w *world) leader() *node {
	for _, id := range w.ids {
		if n := w.nodes[id]; n.up && !n.frozen && n.core.Leader() == id && n.core.Serving() {
			return n
		}
	}
	return nil
}

// recover ends all faults and waits until everybody is up to date and served.
func (w *world) recover() {
	w.calm = true
	w.heal()
	for _, id := range w.ids {
		n := w.nodes[id]
		n.skew = 0
		switch {
		case n.gone, n.dead:
		case !n.up:
			n.begin()
		case n.frozen:
			n.thaw()
		}
	}
	w.serve("after healing")
}

// serve waits until all nodes are equally far and all clients have been served some more,
// and checks everything.
func (w *world) serve(when string) {
	for _, c := range w.clients {
		w.oracle.calmFrom[c] = c.n
		if c.done {
			c.done = false
			w.after(0, c.begin)
		}
	}
	w.run(w.now+2*time.Minute, func() bool {
		for _, c := range w.clients {
			if !c.done {
				return false
			}
		}
		return w.oracle.settled()
	})
	if w.failure != nil {
		return
	}
	if !w.oracle.settled() {
		w.fail("no progress %s: %s", when, w.standing())
	}
	for _, c := range w.clients {
		if !c.done && w.failure == nil {
			w.fail("client %s is not served %s: %s", c.name, when, w.standing())
		}
	}
	if w.failure == nil {
		if err := w.oracle.final(); err != nil {
			w.fail("%w", err)
		}
	}
	if w.failure == nil {
		w.oracle.shelved()
	}
}

// standing says where every node stands.
func (w *world) standing() string {
	var b strings.Builder
	for _, id := range w.ids {
		n := w.nodes[id]
		if !n.up {
			fmt.Fprintf(&b, "%d is down; ", id)
			continue
		}
		fmt.Fprintf(&b, "%d follows %d, applied %d, serving %v, members %v, faulty %v, lacks %d; ",
			id, n.core.Leader(), n.core.Applied(), n.core.Serving(), n.core.Members(), n.core.Faulty(), len(n.lacks))
	}
	return b.String()
}

func (r *Report) add(o *Report) {
	r.Events += o.Events
	r.Messages += o.Messages
	r.Flushes += o.Flushes
	r.Checkpoints += o.Checkpoints
	r.Proposals += o.Proposals
	r.Acknowledged += o.Acknowledged
	r.Heads += o.Heads
	r.Partitions += o.Partitions
	r.Crashes += o.Crashes
	r.Kills += o.Kills
	r.Freezes += o.Freezes
	r.Leaders += o.Leaders
	r.Joined += o.Joined
	r.Left += o.Left
	r.Pulled += o.Pulled
	r.Lost += o.Lost
	r.Faulty += o.Faulty
	r.Copies += o.Copies
	r.Turns += o.Turns
	r.Replaced += o.Replaced
	r.Set += o.Set
	r.Apart += o.Apart
	r.Placed += o.Placed
	r.TooFew += o.TooFew
	r.Fetched += o.Fetched
	r.Verified += o.Verified
	r.Underway += o.Underway
	r.Virtual += o.Virtual
}
