package order

import (
	"math/rand/v2"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// history runs a random script with crashes, checks every decision against the model,
// and notes the state's hashes at every Raft index.
type history struct {
	*machine
	r       *rand.Rand
	model   *model
	batches map[blobstore.Digest][]Append
	chains  map[uint64]blobstore.Digest // of each Raft index that was decided
	whole   map[uint64][32]byte
	user    map[uint64][32]byte
	written []uint64 // last Raft index that the flushes up to here have decided …
	ordered []uint64 // … and ordered
	bases   []*database
}

func newHistory(t testing.TB, seed uint64) *history {
	r := rand.New(rand.NewPCG(seed, 2))
	limits := Limits{Keys: 1 + r.IntN(5), Logs: 1 + r.IntN(6), Producers: 1 + r.IntN(5), Outcomes: 1 + r.IntN(40)}
	h := &history{
		r: r, model: newModel(limits),
		batches: make(map[blobstore.Digest][]Append), chains: make(map[uint64]blobstore.Digest),
		whole: make(map[uint64][32]byte), user: make(map[uint64][32]byte),
	}
	h.machine = &machine{t: t, options: Options{Node: 1, Limits: limits}, db: &database{}}
	h.bases = []*database{h.db}
	h.decided = h.check
	h.core = New(h.options)
	h.start()
	return h
}

// check compares a decision with the model, or with itself when it is made again.
func (h *history) check(d *Decision) {
	if chain, ok := h.chains[d.Index]; ok {
		if chain != d.Chain {
			h.t.Fatalf("raft entry %d was decided otherwise before", d.Index)
		}
		return
	}
	h.chains[d.Index] = d.Chain
	if d.Kind == KindBatch {
		appends := h.batches[d.Digest]
		for i, got := range answers(h.t, d, appends) {
			if want := h.model.decide(&appends[i]); !same(got, want) {
				h.t.Fatalf("append %+v: got %+v, want %+v", appends[i], got, want)
			}
		}
	}
	h.whole[d.Index], h.user[d.Index] = h.core.wholeHash(), h.core.userHash()
}

func (h *history) run(steps int) {
	for i := range steps {
		appends := randomAppends(h.r, h.model)
		digest := digestOf(int64(i), appends)
		h.batches[digest] = appends
		h.must(h.core.Propose(proposal(appends), digest, h.r.Int64N(1000)))
		switch h.r.IntN(9) {
		case 0: // killed before the flush
			h.crash()
		case 1: // after it
			h.flush()
			h.crash()
		case 2:
			h.settle()
			h.crash()
		case 3:
			h.checkpoint()
			h.bases = append(h.bases, h.db)
		case 4:
			h.idle()
		case 5:
			h.turn()
		default:
			h.settle()
		}
		h.note()
	}
}

func (h *history) crash() {
	h.note()
	h.restart()
}

// note fills in written and ordered for the flushes since.
func (h *history) note() {
	var written, ordered uint64
	if n := len(h.written); n > 0 {
		written, ordered = h.written[n-1], h.ordered[n-1]
	}
	for _, f := range h.disk[len(h.written):] {
		for _, o := range f.order {
			e, err := decodeOrder(o)
			h.must(err)
			ordered = e.GetIndex()
		}
		decided := f.decided
		if f.seal != nil {
			s, err := ReadSeal(f.seal)
			h.must(err)
			decided = s.Rest
		}
		if decided != nil {
			h.must(records(decided, func(data []byte, _ blobstore.Digest) error {
				var rec record
				err := rec.decode(data)
				written = rec.index
				return err
			}))
		}
		h.written, h.ordered = append(h.written, written), append(h.ordered, ordered)
	}
}

// TestRestartAtEveryFlush restores from every flush that a run made, on every
// checkpoint before it, and also with the newest decided frames missing; what is
// restored must be the state of the run, and what is decided anew the same as before.
func TestRestartAtEveryFlush(t *testing.T) {
	for seed := range uint64(5) {
		restartAtEveryFlush(t, seed)
	}
}

// FuzzRestartAtEveryFlush is the same for long runs: any seed will do.
func FuzzRestartAtEveryFlush(f *testing.F) {
	f.Add(uint64(1000))
	f.Fuzz(func(t *testing.T, seed uint64) { restartAtEveryFlush(t, seed) })
}

func restartAtEveryFlush(t *testing.T, seed uint64) {
	h := newHistory(t, seed)
	h.run(30)
	for n := 1; n <= len(h.disk); n++ {
		for _, db := range h.bases {
			if db.replay <= n {
				h.restoreAt(seed, db, n, 0)
				h.restoreAt(seed, db, n, h.r.IntN(6))
			}
		}
	}
}

// restoreAt restores from the first n flushes, without the decided frames of the last
// lag ones.
func (h *history) restoreAt(seed uint64, db *database, n, lag int) {
	h.t.Helper()
	disk := append([]flush(nil), h.disk[:n]...)
	for i := max(n-lag, db.replay); i < n; i++ {
		disk[i].decided, disk[i].seal = nil, nil
	}
	earlier := *db
	earlier.replay -= h.r.IntN(min(db.replay, 3) + 1) // frames that the checkpoint has
	c, err := restored(h.options, &earlier, disk)
	if err != nil {
		h.t.Fatalf("seed %d, flush %d, lag %d: %v", seed, n, lag, err)
	}
	if c.Applied() > 0 && c.wholeHash() != h.whole[c.Applied()] || lag == 0 && c.Applied() != h.written[n-1] {
		h.t.Fatalf("seed %d, flush %d, lag %d: another state at %d", seed, n, lag, c.Applied())
	}
	m := &machine{t: h.t, core: c}
	m.decided = func(d *Decision) {
		if d.Index <= h.ordered[n-1] && d.Chain != h.chains[d.Index] {
			h.t.Fatalf("seed %d, flush %d, lag %d: raft entry %d decided otherwise", seed, n, lag, d.Index)
		}
	}
	m.start()
	if h.ordered[n-1] > 2 && c.userHash() != h.user[h.ordered[n-1]] { // 2 is the founding
		h.t.Fatalf("seed %d, flush %d, lag %d: another state after start", seed, n, lag)
	}
}
