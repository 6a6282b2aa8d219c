package order

import (
	"fmt"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	pb "go.etcd.io/raft/v3/raftpb"
)

func benchmark(b *testing.B, fill func(p *Proposal, round uint64)) {
	m := newMachine(b, Limits{})
	var p Proposal
	round := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		fill(&p, round)
		round++
		if err := m.core.Propose(&p, blobstore.Digest{1}, 1); err != nil {
			b.Fatal(err)
		}
		for {
			if _, ok := m.core.Ready(); !ok {
				break
			}
			if err := m.core.Advance(nil); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkPlainBatch(b *testing.B) {
	a := Append{Entries: 1}
	benchmark(b, func(p *Proposal, _ uint64) {
		for range 1000 {
			p.Add(&a)
		}
	})
}

func BenchmarkOne(b *testing.B) {
	a := Append{Entries: 1}
	benchmark(b, func(p *Proposal, _ uint64) { p.Add(&a) })
}

func names(n int) (list [][]byte) {
	for i := range n {
		list = append(list, fmt.Appendf(nil, "3f2b8c1e-0000-4000-8000-%012d", i))
	}
	return list
}

func BenchmarkEightProducers(b *testing.B) {
	producers := names(8)
	benchmark(b, func(p *Proposal, round uint64) {
		for i := range uint64(1000) {
			p.Add(&Append{Entries: 1, Producer: producers[i/125], Seq: round*125 + i%125 + 1})
		}
	})
}

func BenchmarkInterleaved(b *testing.B) {
	producers := names(8)
	benchmark(b, func(p *Proposal, round uint64) {
		for i := range uint64(1000) {
			p.Add(&Append{Entries: 1, Producer: producers[i%8], Seq: round*125 + i/8 + 1})
		}
	})
}

func BenchmarkKeyed(b *testing.B) {
	var key []byte
	benchmark(b, func(p *Proposal, round uint64) {
		for i := range uint64(1000) {
			key = fmt.Appendf(key[:0], "key %d", round*1000+i)
			p.Add(&Append{Entries: 1, Key: key})
		}
	})
}

// BenchmarkApply is deciding alone, of 1,000 appends from 8 producers.
func BenchmarkApply(b *testing.B) {
	c := newMachine(b, Limits{}).core
	producers := names(8)
	var p Proposal
	var data []byte
	round := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p.Reset()
		for i := range uint64(1000) {
			p.Add(&Append{Entries: 1, Producer: producers[i/125], Seq: round*125 + i%125 + 1})
		}
		round++
		if err := p.seal(blobstore.Digest{1}, 1, c.number); err != nil {
			b.Fatal(err)
		}
		data = p.append(appendHeader(data[:0], KindBatch, c.header(round)))
		e := &pb.Entry{Index: new(c.state.applied + 1), Term: new(c.state.term), Data: data}
		c.decided = c.decided[:0]
		b.StartTimer()
		if err := c.apply(e, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTurn is what ends a file and begins the next, with as many logs and producers
// as there can be, after 100,000 batches of one append.
func BenchmarkTurn(b *testing.B) {
	m := newMachine(b, Limits{})
	seqs := make([]uint64, 1<<16)
	var appends []Append
	for i := range seqs {
		log := fmt.Sprintf("a-log-with-a-name-of-usual-length-%05d", i%10_000)
		appends = append(appends, numbered(log, fmt.Sprintf("0b9fd5ec-6f2e-4f37-9a51-%012d", i), 1))
	}
	m.propose(1, appends...)
	m.disk = nil
	for i := range 100_000 {
		a := one("a-log-with-a-name-of-usual-length-00000")
		m.must(m.core.Propose(proposal([]Append{a}), blobstore.Digest{byte(i), byte(i >> 8), byte(i >> 16)}, int64(i)))
		m.settle()
		m.disk = m.disk[:0]
	}
	m.core.offered = false
	b.ReportAllocs()
	for b.Loop() {
		seal, checkpoint, ok := m.core.Turn(1)
		if !ok {
			b.Fatal("no turn")
		}
		b.ReportMetric(float64(len(seal)), "seal-B")
		b.ReportMetric(float64(len(checkpoint)), "checkpoint-B")
	}
}
