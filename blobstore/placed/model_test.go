package placed_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/blobstore/ring"
)

// watched is a Placer with what was done to it, and what must hold whatever that was.
type watched struct {
	t       testing.TB
	p       *placed.Placer
	options placed.Options
	ring    *ring.Ring
	needed  int
	now     uint64
	batches map[placed.Ticket]*seen
	order   []placed.Ticket
}

// seen is a batch as it was seen from outside.
type seen struct {
	digest   blobstore.Digest
	began    uint64
	sent     map[uint64]uint64 // when
	answered map[uint64]bool
	proposed bool
	ended    bool // as far as this side knows
	over     bool
}

var watchedOptions = placed.Options{Patience: 3, GiveUp: 20, Shun: 9, Age: 30, Batches: 6, Bytes: 60}

func newWatched(t testing.TB) *watched {
	return &watched{t: t, p: placed.New(watchedOptions), options: watchedOptions, batches: map[placed.Ticket]*seen{}}
}

// do does one of the things that can be done, and checks what came of it.
func (w *watched) do(what, which byte) {
	switch what % 8 {
	case 0:
		replicas := 1 + int(which)%3
		n := 1 + int(which/3)%7
		w.ring = circle(w.t, n, ring.Settings{Replicas: replicas, OtherZones: int(which) % 2})
		w.needed = 1 + int(which/32)%min(replicas, n)
		w.p.Use(w.ring, w.needed)
	case 1, 2:
		w.begin(blobstore.Digest{which * 16})
	case 3, 4:
		w.answer(int(which))
	case 5:
		w.now++
		w.p.Tick()
	case 6:
		w.propose(int(which))
	case 7:
		if t := w.pick(int(which)); t != 0 && !w.batches[t].proposed {
			w.p.End(t)
			w.batches[t].ended = true
		}
	}
	w.check()
}

func (w *watched) pick(which int) placed.Ticket {
	if len(w.order) == 0 {
		return 0
	}
	return w.order[which%len(w.order)]
}

func (w *watched) begin(d blobstore.Digest) {
	t, err := w.p.Begin(d, 10)
	if few := w.ring == nil || len(w.ring.Members()) < w.needed; (err != nil) != few {
		w.t.Fatalf("begin: %v; too few members: %v", err, few)
	}
	if err == nil {
		w.batches[t] = &seen{digest: d, began: w.now, sent: map[uint64]uint64{}, answered: map[uint64]bool{}}
		w.order = append(w.order, t)
	}
}

// answer has some node answer that was sent something, once: of batches that are the same the oldest has it.
func (w *watched) answer(which int) {
	node := uint64(1 + which%7)
	t := w.pick(which / 7)
	if t == 0 {
		return
	}
	d := w.batches[t].digest
	for _, t := range w.order {
		b := w.batches[t]
		if _, sent := b.sent[node]; b.digest == d && sent && !b.over && !b.answered[node] {
			b.answered[node] = true
			break
		}
	}
	w.p.Held(node, d)
}

func (w *watched) propose(which int) {
	t := w.pick(which)
	if t == 0 {
		return
	}
	if holders, err := w.p.Holders(t); err == nil && len(holders) > 0 {
		w.p.Proposed(t)
		w.batches[t].proposed = true
	}
}

// check wants everything to hold that must.
func (w *watched) check() {
	for _, put := range w.p.Send() {
		b := w.batches[put.Ticket]
		if _, again := b.sent[put.To]; again {
			w.t.Fatalf("batch %d is sent to %d again", put.Ticket, put.To)
		}
		if _, ok := w.ring.Member(put.To); !ok {
			w.t.Fatalf("batch %d is sent to %d, which is no member", put.Ticket, put.To)
		}
		b.sent[put.To] = w.now
		if n := w.may(b); n > w.ring.Settings().Replicas {
			w.t.Fatalf("batch %d lies, or may, at %d nodes; %d are wanted", put.Ticket, n, w.ring.Settings().Replicas)
		}
	}
	for _, t := range w.p.Over() {
		b := w.batches[t]
		if b.over || !b.proposed && !b.ended {
			w.t.Fatalf("batch %d is over: %+v", t, b)
		}
		b.over = true
	}
	going := 0
	for t, b := range w.batches {
		w.holders(t, b)
		if b.proposed && !b.over {
			going++
		}
		if b.ended && !b.over {
			w.t.Fatalf("batch %d was ended", t)
		}
		if b.proposed && !b.over && w.now-b.began >= w.options.Age {
			w.t.Fatalf("batch %d is as old as %d", t, w.now-b.began)
		}
	}
	if going > w.options.Batches || int64(going)*10 > w.options.Bytes {
		w.t.Fatalf("%d batches go on", going)
	}
	slices.Sort(w.order)
}

// may counts the members that have a batch, or were sent it lately.
func (w *watched) may(b *seen) (n int) {
	for node, at := range b.sent {
		if _, ok := w.ring.Member(node); ok && (w.now-at < w.options.Patience && !b.answered[node] || b.answered[node] && !w.wasLate(b, node)) {
			n++
		}
	}
	return n
}

// wasLate tells whether another may have been asked in the place of a node that has answered.
func (w *watched) wasLate(b *seen, node uint64) bool { return w.now-b.sent[node] >= w.options.Patience }

// holders wants a batch to have its holders exactly when enough members that were sent it have answered.
func (w *watched) holders(t placed.Ticket, b *seen) {
	if b.over || w.ring == nil {
		return
	}
	var want []uint64
	for node := range b.answered {
		if _, ok := w.ring.Member(node); ok {
			want = append(want, node)
		}
	}
	slices.Sort(want)
	if len(want) < w.needed {
		want = nil
	}
	got, err := w.p.Holders(t)
	givenUp := want == nil && w.now-b.began >= w.options.GiveUp
	if !slices.Equal(got, want) || (err != nil) != givenUp {
		w.t.Fatalf("batch %d has holders %d, %v; want %d, given up %v", t, got, err, want, givenUp)
	}
}

// TestModel: whatever is done in whatever order, what the package promises holds.
func TestModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := newWatched(t)
		for range 300 {
			what := byte(r.IntN(256))
			if what%8 == 0 && r.IntN(8) > 0 {
				what++ // the ring changes seldom
			}
			w.do(what, byte(r.IntN(256)))
		}
	}
}

// FuzzPlacer: the same for any bytes.
func FuzzPlacer(f *testing.F) {
	f.Add([]byte{0, 200, 1, 0, 3, 0, 3, 1, 6, 0, 5, 0, 5, 0, 5, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		w := newWatched(t)
		for ; len(steps) > 1; steps = steps[2:] {
			w.do(steps[0], steps[1])
		}
	})
}

// TestEnoughInTime: as long as as many nodes answer as are needed, a batch has its holders after no more
// than one patience for each other node; and if all answer, the owners have it, and nobody else.
func TestEnoughInTime(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		n := 1 + r.IntN(9)
		replicas := 1 + r.IntN(min(n, 3))
		c := circle(t, n, ring.Settings{Replicas: replicas})
		needed := 1 + r.IntN(replicas)
		p := placed.New(placed.Options{Patience: 3, GiveUp: 1000})
		p.Use(c, needed)
		alive := map[uint64]bool{}
		for _, i := range r.Perm(n)[:needed+r.IntN(n-needed+1)] {
			alive[uint64(i)+1] = true
		}
		for range 3 {
			d := blobstore.Digest{byte(r.IntN(256))}
			ticket, err := p.Begin(d, 1)
			if err != nil {
				t.Fatal(err)
			}
			var holders []uint64
			for tick := 0; len(holders) == 0; tick++ {
				if tick > 3*(n-len(alive)) {
					t.Fatalf("seed %d: not enough after %d ticks", seed, tick)
				}
				for _, put := range p.Send() {
					if alive[put.To] {
						p.Held(put.To, d)
					}
				}
				if holders, err = p.Holders(ticket); err != nil {
					t.Fatal(err)
				}
				p.Tick()
			}
			if owners := c.Owners(nil, d); len(alive) == n {
				slices.Sort(owners)
				if !slices.Equal(holders, owners) {
					t.Fatalf("seed %d: held by %d, owned by %d", seed, holders, owners)
				}
			}
			p.Proposed(ticket)
		}
	}
}
