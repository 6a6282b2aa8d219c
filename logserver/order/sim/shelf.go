package sim

import (
	"fmt"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/blobstore/ring"
	"github.com/ringlog/ringlog/logserver/order"
)

// shelf is what a node has to do with placing content, its own and others'.
type shelf struct {
	placer  *placed.Placer
	flights []*flight                     // that are not proposed yet, in their order
	kept    map[placed.Ticket]*flight     // that are being placed
	holds   map[blobstore.Digest][]uint64 // who is to be told when it is flushed
	changed bool                          // members, or settings
	ring    *ring.Ring                    // nil: not known yet, or all own everything
	needed  int                           // nodes that must have a batch before it is proposed
	apart   bool                          // content goes before its order
	batches []batch                       // that were decided
	lacks   []*lack                       // which of them are to be fetched
	ticks   int
}

// batch is one that was decided.
type batch struct {
	want    order.Want
	holders []uint64
}

// lack is a batch that is to be fetched.
type lack struct {
	batch
	tries int
}

func newShelf() shelf {
	return shelf{
		placer: placed.New(placed.Options{GiveUp: 30, Age: 100}), kept: map[placed.Ticket]*flight{},
		holds: map[blobstore.Digest][]uint64{}, changed: true,
	}
}

// rings are those that were made, by what they are made of: it takes a while.
var rings = map[string]*ring.Ring{}

// circle returns the ring of the members that a node knows.
func (n *node) circle(p order.Placement) *ring.Ring {
	var members []ring.Member
	for _, id := range n.core.Seated() {
		members = append(members, ring.Member{ID: id, Seat: n.core.Seat(id), Zone: zone(n.core.About(id))})
	}
	s := ring.Settings{Replicas: p.Replicas, OtherZones: p.OtherZones, OtherRegions: p.OtherRegions}
	key := fmt.Sprint(members, s)
	if r := rings[key]; r != nil {
		return r
	}
	if len(rings) > 200 {
		clear(rings)
	}
	r, err := ring.New(members, s)
	if err != nil {
		n.fatal(err)
	}
	rings[key] = r
	return r
}

// placement takes note of who owns what, if that has changed.
func (n *node) placement() {
	if !n.changed || !n.up || !n.w.options.Apart || n.w.failure != nil {
		return
	}
	n.changed = false
	p, members := n.core.Settings().Placement, len(n.core.Seated())
	if members == 0 || p.Replicas == 0 {
		return
	}
	n.ring, n.needed = n.circle(p), p.Commit.Needs(min(p.Replicas, members))
	n.apart = members > p.Replicas || p.Commit == order.CommitAll
	n.placer.Use(n.ring, n.needed)
	n.lacks = n.lacks[:0]
	for _, b := range n.batches {
		if _, ok := n.content[b.want.Digest]; !ok && n.owns(b.want.Digest) {
			n.lacks = append(n.lacks, &lack{batch: b})
		}
	}
}

func (n *node) owns(d blobstore.Digest) bool { return n.ring == nil || n.ring.Owns(n.id, d) }

// find returns content that is here, or is being placed from here.
func (n *node) find(d blobstore.Digest) []byte {
	if c, ok := n.content[d]; ok {
		return c
	}
	for _, f := range n.kept {
		if f.digest == d {
			return f.payload
		}
	}
	return nil
}

// enterBatch notes a batch that was decided.
func (n *node) enterBatch(d *order.Decision, here bool) {
	if !n.w.options.Apart {
		return
	}
	n.w.oracle.decided[d.Digest] = true
	b := batch{order.Want{Digest: d.Digest, Log: d.Runs[0].Log, Index: d.Runs[0].First}, slices.Clone(d.Holders)}
	n.batches = append(n.batches, b)
	if !here && d.Owned {
		n.lacks = append(n.lacks, &lack{batch: b})
	}
}

// fetch asks for content that this node is to have and hasn't got: it stands for the server's mover.
func (n *node) fetch() {
	const most, every = 64, 2
	if n.ticks++; len(n.lacks) == 0 || n.ticks%every > 0 || n.w.options.Spoil == SpoilFetch {
		return
	}
	n.lacks = slices.DeleteFunc(n.lacks, func(l *lack) bool {
		_, ok := n.content[l.want.Digest]
		if ok {
			n.w.report.Fetched++
		}
		return ok
	})
	for _, l := range n.lacks[:min(most, len(n.lacks))] {
		from := slices.Clone(l.holders)
		if n.ring != nil {
			from = n.ring.Owners(from, l.want.Digest)
		}
		from = append(from, n.w.ids...) // who has left and is still there, too
		from = slices.DeleteFunc(from, func(id uint64) bool { return id == n.id })
		n.w.send(order.Message{From: n.id, To: from[l.tries%len(from)], Kind: order.MessageWant, Payload: l.want.Payload()})
		l.tries++
	}
}

// settled tells whether nothing is left to be placed or fetched.
func (n *node) settled() bool {
	if !n.w.options.Apart {
		return true
	}
	open := slices.ContainsFunc(n.lacks, func(l *lack) bool {
		_, ok := n.places[l.want.Digest]
		return !ok && !n.w.oracle.beyond(l.want.Digest)
	})
	return !open && len(n.inHand) == 0 && len(n.disk.flush) == 0 && len(n.holds) == 0 && len(n.flights) == 0
}
