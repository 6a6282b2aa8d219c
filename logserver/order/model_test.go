package order

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// model decides as PROTOCOL.md says, one append at a time, with plain maps and lists
// that are searched from end to end.
type model struct {
	limits    Limits
	heads     map[string]uint64
	producers []*modelProducer // the one used last at the end
	numbered  int              // numbered appends decided
	keys      []modelKey       // the newest at the end
}

type modelProducer struct {
	name     string
	last     uint64
	outcomes map[uint64]modelOutcome
}

type modelOutcome struct {
	answer
	number int
}

type modelKey struct {
	log, key string
	digest   blobstore.Digest
	index    uint64
}

func newModel(l Limits) *model { return &model{limits: l, heads: make(map[string]uint64)} }

func (m *model) decide(a *Append) answer {
	if a.Producer == nil {
		return m.conditions(a)
	}
	i := slices.IndexFunc(m.producers, func(p *modelProducer) bool { return p.name == string(a.Producer) })
	p := &modelProducer{name: string(a.Producer), outcomes: make(map[uint64]modelOutcome)}
	if i >= 0 {
		p = m.producers[i]
	}
	switch {
	case a.Seq <= p.last:
		o := p.outcomes[a.Seq]
		if o.number < m.numbered-m.limits.Outcomes {
			return answer{duplicate: true, forgotten: true}
		}
		o.duplicate = true
		return o.answer
	case a.Seq > p.last+1:
		return answer{status: SeqGap, n: p.last, entries: uint32(a.Entries)}
	}
	got := m.conditions(a)
	if i >= 0 {
		m.producers = slices.Delete(m.producers, i, i+1)
	}
	m.producers = append(m.producers, p)
	if len(m.producers) > m.limits.Producers {
		m.producers = m.producers[1:]
	}
	p.last = a.Seq
	p.outcomes[a.Seq] = modelOutcome{got, m.numbered}
	m.numbered++
	return got
}

func (m *model) conditions(a *Append) answer {
	log, own := string(a.Log), uint32(a.Entries)
	for _, k := range m.keys {
		if a.Key == nil || k.log != log || k.key != string(a.Key) {
			continue
		}
		if k.digest != a.KeyDigest {
			return answer{status: KeyUsed, n: k.index, entries: own}
		}
		return answer{status: Appended, duplicate: true, index: k.index, entries: own}
	}
	head, exists := m.heads[log]
	if a.HasAfter && a.After != head {
		return answer{status: HeadIs, n: head, entries: own}
	}
	if !exists && len(m.heads) >= m.limits.Logs {
		return answer{status: TooManyLogs, entries: own}
	}
	m.heads[log] = head + uint64(own)
	if a.Key != nil {
		m.keys = append(m.keys, modelKey{log, string(a.Key), a.KeyDigest, head + 1})
		if len(m.keys) > m.limits.Keys {
			m.keys = m.keys[1:]
		}
	}
	return answer{status: Appended, index: head + 1, entries: own}
}

// agrees checks what can be seen of the state from outside.
func (m *model) agrees(t testing.TB, c *Core) {
	t.Helper()
	n := 0
	c.Logs(func(name string, _ uint32, head uint64) {
		n++
		if m.heads[name] != head {
			t.Fatalf("head of %s is %d, want %d", name, head, m.heads[name])
		}
	})
	if n != len(m.heads) || len(c.state.producers.byName) != len(m.producers) || c.state.keys.rows.n != len(m.keys) {
		t.Fatalf("%d logs, %d producers, %d keys; want %d, %d, %d", n, len(c.state.producers.byName),
			c.state.keys.rows.n, len(m.heads), len(m.producers), len(m.keys))
	}
}

// randomAppends makes appends that often meet each other.
func randomAppends(r *rand.Rand, m *model) []Append {
	var list []Append
	next := make(map[string]uint64)
	for _, p := range m.producers {
		next[p.name] = p.last + 1
	}
	for range 1 + r.IntN(8) {
		a := Append{Log: []byte{"abcdef"[r.IntN(6)]}, Entries: 1}
		if r.IntN(5) == 0 {
			a.Entries = 1 + r.IntN(3)
		}
		if r.IntN(2) == 0 {
			name := string("pqrst"[r.IntN(5)])
			a.Producer, a.Seq = []byte(name), max(next[name], 1)
			switch r.IntN(8) {
			case 0:
				a.Seq += uint64(r.IntN(3))
			case 1, 2:
				a.Seq -= min(a.Seq-1, uint64(r.IntN(12)))
			}
			next[name] = max(next[name], a.Seq+1)
		}
		if r.IntN(4) == 0 {
			a.Key, a.KeyDigest = []byte{"xyzuvw"[r.IntN(6)]}, blobstore.Digest{byte(r.IntN(2))}
		}
		if r.IntN(4) == 0 {
			a.HasAfter, a.After = true, m.heads[string(a.Log)]+uint64(r.IntN(2))
		}
		for range 1 + r.IntN(3)*r.IntN(3) {
			list = append(list, a)
			if a.Seq > 0 {
				a.Seq++
				next[string(a.Producer)] = max(next[string(a.Producer)], a.Seq)
			}
		}
	}
	return list
}

func TestModel(t *testing.T) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 1))
		limits := Limits{Keys: 1 + r.IntN(5), Logs: 1 + r.IntN(6), Producers: 1 + r.IntN(5), Outcomes: 1 + r.IntN(40)}
		m, model := newMachine(t, limits), newModel(limits)
		for i := range 60 {
			appends := randomAppends(r, model)
			got := m.propose(int64(i), appends...)
			for k := range appends {
				if want := model.decide(&appends[k]); !same(got[k], want) {
					t.Fatalf("seed %d, batch %d, append %d %+v: got %+v, want %+v", seed, i, k, appends[k], got[k], want)
				}
			}
			model.agrees(t, m.core)
		}
	}
}

func same(a, b answer) bool {
	if a.forgotten || b.forgotten || a.status != Appended {
		a.entries, b.entries = 0, 0 // meaningless
	}
	return a == b
}
