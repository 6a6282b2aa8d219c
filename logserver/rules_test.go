package logserver_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ringlog/ringlog/logserver"
)

// span is an append that was confirmed, or a head that was told (count 0),
// with the times when it was asked for and answered.
type span struct {
	index, count uint64
	asked, told  int64
}

func (s span) last() uint64 { return s.index + max(s.count, 1) - 1 }

// rules holds what all clients of a workload heard against PROTOCOL.md.
type rules struct {
	t       *testing.T
	lines   map[string][]string // of a read of each log afterwards
	metas   map[string][]string // likewise, with meta
	entries map[string][]heard  // likewise
	owned   map[string]map[uint64]bool
	appends map[string][]span
	heads   map[string][]span
}

// TestRules lets clients speak at random, all at once, and holds everything
// they heard against the rules of PROTOCOL.md. RINGLOG_WORKLOADS says how often,
// RINGLOG_SEED begins with another seed.
func TestRules(t *testing.T) {
	workloads, seed := 6, rand.Uint64()
	if n, err := strconv.Atoi(os.Getenv("RINGLOG_WORKLOADS")); err == nil {
		workloads = n
	}
	if n, err := strconv.ParseUint(os.Getenv("RINGLOG_SEED"), 10, 64); err == nil {
		seed = n
	}
	for i := range uint64(workloads) {
		t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) { workload(t, seed+i) })
		if t.Failed() {
			return
		}
	}
}

func workload(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, math.MaxUint64))
	echo := random.IntN(4) == 0
	o := logserver.Options{MaxBatch: []int{0, 500}[random.IntN(2)], Recent: []int{0, 300}[random.IntN(2)], Segment: 64 << 10}
	so := logserver.ServerOptions{
		Echo:          echo,
		ReadChunk:     []int{0, 100}[random.IntN(2)],
		MaxUnanswered: []int{0, 2}[random.IntN(2)],
		MaxUnsent:     []int{0, 200}[random.IntN(2)],
	}
	addr := checked(t, o, so)
	var clock atomic.Int64
	var all sync.WaitGroup
	clients := make([]*client, 1+random.IntN(6))
	for i := range clients {
		clients[i] = newClient(t, addr, i, &clock, seed, echo)
		all.Go(func() { clients[i].run(100) })
	}
	all.Wait()
	if t.Failed() {
		return
	}
	r := &rules{
		t: t, lines: map[string][]string{}, metas: map[string][]string{}, entries: map[string][]heard{},
		owned: map[string]map[uint64]bool{}, appends: map[string][]span{}, heads: map[string][]span{},
	}
	for _, log := range workloadLogs {
		r.readBack(addr, log)
	}
	for _, c := range clients {
		r.answers(c)
	}
	for _, log := range workloadLogs {
		r.realTime(log)
	}
	for _, c := range clients {
		r.reads(c)
	}
}

func (r *rules) readBack(addr, log string) {
	r.owned[log] = map[uint64]bool{}
	k := dial(r.t, addr)
	for _, meta := range []bool{false, true} {
		k.send(fmt.Sprintf(`{"from":1,"follow":false,"log":"%s","meta":%v}`+"\n", log, meta))
		for line := k.line(); line != `{"current":true}`; line = k.line() {
			if meta {
				r.metas[log] = append(r.metas[log], line)
				continue
			}
			h := heard{text: line}
			if _, err := fmt.Sscanf(line, `{"index":%d,`, &h.Index); err != nil || h.Index != uint64(len(r.lines[log]))+1 {
				r.t.Fatalf("%s: read back %s", log, line)
			}
			h.Entry = []byte(line[len(fmt.Sprintf(`{"index":%d,"entry":`, h.Index)) : len(line)-1])
			r.lines[log] = append(r.lines[log], line)
			r.entries[log] = append(r.entries[log], h)
		}
	}
}

// answers holds each line with an id against the line that it answers: every
// line is answered once, in their order.
func (r *rules) answers(c *client) {
	at, noID, bad := 0, 0, 0
	last, outcomes, lastSeq := map[string]uint64{}, map[uint64]*heard{}, uint64(0)
	for i := range c.heard {
		h := &c.heard[i]
		if h.ID == "" {
			if h.Error == "invalid message" {
				noID++
			}
			continue
		}
		for at < len(c.said) && c.said[at].id == "" {
			if c.said[at].bad {
				bad++
			}
			at++
		}
		if at == len(c.said) || c.said[at].id != h.ID {
			r.t.Fatalf("client %d: %s is not the next answer", c.number, h.text)
		}
		s := &c.said[at]
		at++
		switch first := outcomes[s.seq]; {
		case s.gap:
			if want := fmt.Sprintf(`{"id":"%s","error":"seq is %d","seq":%d}`, s.id, lastSeq, lastSeq); h.text != want {
				r.t.Errorf("%s, want %s", h.text, want)
			}
		case s.seq > 0 && first != nil:
			if !h.Duplicate || h.Index != first.Index || h.Count != first.Count {
				r.t.Errorf("%s is the duplicate of %s", h.text, first.text)
			}
		default:
			if s.seq > 0 {
				outcomes[s.seq], lastSeq = h, s.seq
			}
			r.answer(c, s, h, last)
		}
	}
	for ; at < len(c.said); at++ {
		if c.said[at].id != "" {
			r.t.Fatalf("client %d: %s was not answered", c.number, c.said[at].id)
		}
		if c.said[at].bad {
			bad++
		}
	}
	if noID != bad {
		r.t.Errorf("client %d: %d lines without an id were invalid, %d answered", c.number, bad, noID)
	}
}

func (r *rules) answer(c *client, s *said, h *heard, last map[string]uint64) {
	fail := func(why string) { r.t.Errorf("client %d: %s: %+v was answered %s", c.number, why, *s, h.text) }
	switch {
	case s.bad:
		if h.Error != "invalid message" {
			fail("bad")
		}
	case s.head:
		if h.Head == nil || *h.Head < last[s.log] {
			fail("head")
			return
		}
		r.heads[s.log] = append(r.heads[s.log], span{*h.Head, 0, s.at, h.at})
	case s.after >= 0 && h.Error != "":
		if h.Head == nil || *h.Head == uint64(s.after) || h.Error != fmt.Sprintf("head is %d", *h.Head) {
			fail("after")
			return
		}
		r.heads[s.log] = append(r.heads[s.log], span{*h.Head, 0, s.at, h.at})
	case s.key != "" && (h.Duplicate || h.Error != ""):
		same := r.is(s.log, h.Index, s.entries[0])
		if h.Duplicate != same || h.Duplicate == (h.Error != "") || !same && h.Error != "key already used" {
			fail("key")
		}
	default:
		if h.Error != "" || h.Duplicate || s.multi != (h.Count > 0) || s.multi && h.Count != uint64(len(s.entries)) {
			fail("append")
			return
		}
		for i, text := range s.entries {
			if index := h.Index + uint64(i); !r.is(s.log, index, text) || r.owned[s.log][index] {
				fail("other content, or confirmed twice")
			} else {
				r.owned[s.log][index] = true
			}
		}
		if h.Index <= last[s.log] || s.after >= 0 && h.Index != uint64(s.after)+1 {
			fail("order")
		}
		sp := span{h.Index, uint64(len(s.entries)), s.at, h.at}
		last[s.log] = sp.last()
		r.appends[s.log] = append(r.appends[s.log], sp)
	}
}

func (r *rules) is(log string, index uint64, text string) bool {
	return index >= 1 && index <= uint64(len(r.entries[log])) && string(r.entries[log][index-1].Entry) == text
}

// realTime: every entry was confirmed to somebody; what was confirmed before
// another was sent has the smaller index; heads are those of their time.
func (r *rules) realTime(log string) {
	if len(r.owned[log]) != len(r.lines[log]) {
		r.t.Errorf("%s: %d entries, %d confirmed", log, len(r.lines[log]), len(r.owned[log]))
	}
	list := r.appends[log]
	slices.SortFunc(list, func(a, b span) int { return int(a.index) - int(b.index) })
	earliest := int64(math.MaxInt64) // told, of those behind
	for _, s := range slices.Backward(list) {
		if earliest < s.asked {
			r.t.Errorf("%s: %+v was sent when a later index had been confirmed", log, s)
		}
		earliest = min(earliest, s.told)
	}
	for _, h := range r.heads[log] {
		for _, s := range list {
			if s.told < h.asked && s.last() > h.index || s.asked > h.told && s.index <= h.index {
				r.t.Errorf("%s: head %+v, append %+v", log, h, s)
			}
		}
	}
}

// confirmedBefore returns the last index known to anybody before a time.
func (r *rules) confirmedBefore(log string, at int64) (index uint64) {
	for _, s := range r.appends[log] {
		if s.told < at {
			index = max(index, s.last())
		}
	}
	return index
}

// The answer of an own append may wait behind one of another log; it is known
// all the same that its entry is not to be sent. A duplicate that waits behind
// another one holds nothing back.
func TestOwnEntriesBehindOtherAnswers(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{})
	defer strangers(t, addr, 2)()
	k := dial(t, addr)
	k.send(`{"id":"k1","entry":[1],"key":"k1"}` + "\n")
	k.receive()
	k.send(`{"id":"k2","entry":[2],"key":"k2"}` + "\n")
	k.receive()
	k.send(`{"from":1}` + "\n")
	for n := range 1000 {
		k.send(fmt.Sprintf(`{"id":"b","entry":{},"log":"b"}
{"id":"main","entry":{"own":%d}}
{"id":"k2","entry":[2],"key":"k2"}
{"id":"k1","entry":[1],"key":"k1"}
`, n))
		for r := (received{}); r.ID != "k1"; {
			if r = k.receive(); len(r.Entry) > 7 && string(r.Entry[:7]) == `{"own":` {
				t.Fatalf("its own entry: %d %s", r.Index, r.Entry)
			}
		}
	}
}
