package crash

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/proof"
)

const (
	sessions    = 16
	requestEach = 150 // of a session; all: 2400
	verdictIn   = 60 * time.Second
)

// TestHistories: what concurrent clients see, with a kill in the middle, could have been seen by one
// after the other.
func TestHistories(t *testing.T) {
	first := proof.Seed(t)
	tried, operations, unknown := 0, 0, 0
	for i := range histories.Tries(t) {
		h := newTrial(t, first+uint64(i))
		h.play()
		result := porcupine.CheckOperationsTimeout(log, h.operations, verdictIn)
		if result != porcupine.Ok {
			t.Fatalf("SEED=%d: the history of %d operations is %s", first+uint64(i), len(h.operations), result)
		}
		tried, operations, unknown = tried+1, operations+len(h.operations), unknown+h.unknown
		os.RemoveAll(h.server.Dir)
	}
	if unknown == 0 {
		t.Error("no outcome was unknown: the kills came to nothing")
	}
	proof.Report(t, histories, tried, "%d operations of %d clients, %d of unknown outcome", operations, sessions, unknown)
}

// A trial is a server and the history of its clients.
type trial struct {
	*run
	began time.Time
	done  atomic.Int64  // requests
	head  atomic.Uint64 // the largest index that was seen

	mu         sync.Mutex // guards the following
	operations []porcupine.Operation
	pending    map[int]porcupine.Operation // appends of unknown outcome, by value
	unknown    int
}

func newTrial(t *testing.T, seed uint64) *trial {
	return &trial{run: newRun(t, seed, map[string]string{"SEGMENT": "64KiB"}), began: time.Now(),
		pending: map[int]porcupine.Operation{}}
}

// play runs all sessions, kills the server when half is done, and resolves what has no answer.
func (h *trial) play() {
	h.must(h.server.TryStart())
	ctx, cancel := context.WithTimeout(h.t.Context(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	half := make(chan struct{})
	once := sync.OnceFunc(func() { close(half) })
	for c := range sessions {
		all.Go(func() {
			defer once() // sessions that can't go on must not be waited for
			s := session{h, c, rand.New(rand.NewPCG(h.ledger.Seed, uint64(c))), nil, nil}
			for n := range requestEach {
				s.ask(ctx, c*requestEach+n+1)
				if h.done.Add(1) == sessions*requestEach/2 {
					once()
				}
			}
		})
	}
	<-half
	h.must(h.kill())
	h.must(h.server.TryStart())
	all.Wait()
	h.must(ctx.Err())
	h.resolve(ctx)
	h.must(h.server.TryStop())
}

// resolve reads the log back: an append without an answer that is there was made, at some time until
// now; one that isn't was not.
func (h *trial) resolve(ctx context.Context) {
	entries, failure := load.History(ctx, load.At(h.server.Addr), 1, 0)
	for index, entry := range entries {
		if op, ok := h.pending[valueOf(entry)]; ok {
			op.Output, op.Return = reply{index: index}, math.MaxInt64
			h.operations = append(h.operations, op)
		}
	}
	h.must(failure())
}

// A session is one client, which does one thing at a time.
type session struct {
	h      *trial
	id     int
	random *rand.Rand
	conn   net.Conn
	lines  *bufio.Reader
}

// ask makes the n-th request of all and notes it with its answer.
func (s *session) ask(ctx context.Context, n int) {
	q, line := s.request(n)
	for s.conn == nil {
		conn, err := load.At(s.h.server.Addr).Connect(ctx)
		if err != nil {
			return
		}
		s.conn, s.lines = conn, bufio.NewReaderSize(conn, 1<<20)
	}
	op := porcupine.Operation{ClientId: s.id, Input: q, Call: time.Since(s.h.began).Nanoseconds()}
	r, err := s.reply(q, line)
	op.Return, op.Output = time.Since(s.h.began).Nanoseconds(), r
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	switch {
	case err == nil:
		s.h.operations = append(s.h.operations, op)
		return
	case q.kind == appends:
		// A client with an unknown outcome goes on as another one: the append may still come.
		s.h.unknown++
		s.id += sessions
		s.h.pending[q.value] = op
	}
	s.conn.Close()
	s.conn = nil
}

func (s *session) request(n int) (q request, line string) {
	switch near := s.h.head.Load(); s.random.IntN(10) {
	case 0, 1:
		return request{kind: heads}, `{"head":true,"id":"h"}`
	case 2, 3:
		from := max(1, near-min(near, s.random.Uint64N(5)))
		return request{kind: reads, from: from}, fmt.Sprintf(`{"from":%d,"follow":false}`, from)
	case 4, 5, 6:
		return request{kind: appends, value: n, after: near}, fmt.Sprintf(`{"id":"a","after":%d,"entry":{"v":%d}}`, near, n)
	}
	return request{kind: appends, value: n, after: anywhere}, fmt.Sprintf(`{"id":"a","entry":{"v":%d}}`, n)
}

// reply sends a line and takes what is answered.
func (s *session) reply(q request, line string) (r reply, err error) {
	if _, err := fmt.Fprintln(s.conn, line); err != nil {
		return r, err
	}
	for {
		text, err := s.lines.ReadSlice('\n')
		if err != nil {
			return r, err
		}
		a, err := load.Parse(text)
		switch {
		case err != nil:
			return r, err
		case q.kind == reads && a.Current:
			return r, nil
		case q.kind == reads && a.Index != 0:
			r.entries = append(r.entries, valueOf(a.Entry))
			continue
		case a.Head != nil: // the head, or a condition that didn't hold
			r.head = *a.Head
			return r, nil
		case a.Error == "" && a.Index != 0:
			s.h.head.Store(a.Index) // about: others store theirs
			return reply{index: a.Index}, nil
		}
		return r, fmt.Errorf("unexpected line %.200q", text)
	}
}

func valueOf(entry []byte) int {
	var v struct{ V int }
	_ = json.Unmarshal(entry, &v) // 0 is nobody's value
	return v.V
}

// goodHistory is one that three clients saw: overlapping appends, a condition, reads, heads.
func goodHistory() []porcupine.Operation {
	return []porcupine.Operation{
		{ClientId: 0, Call: 0, Return: 10, Input: request{kind: appends, value: 7, after: anywhere}, Output: reply{index: 2}},
		{ClientId: 1, Call: 1, Return: 9, Input: request{kind: appends, value: 8, after: 0}, Output: reply{index: 1}},
		{ClientId: 2, Call: 11, Return: 12, Input: request{kind: heads}, Output: reply{head: 2}},
		{ClientId: 0, Call: 13, Return: 14, Input: request{kind: appends, value: 9, after: 1}, Output: reply{head: 2}},
		{ClientId: 1, Call: 15, Return: 16, Input: request{kind: reads, from: 1}, Output: reply{entries: []int{8, 7}}},
		{ClientId: 2, Call: 17, Return: math.MaxInt64, Input: request{kind: appends, value: 10, after: 2}, Output: reply{index: 3}},
		{ClientId: 0, Call: 18, Return: 19, Input: request{kind: reads, from: 3}, Output: reply{entries: []int{10}}},
		{ClientId: 1, Call: 20, Return: 21, Input: request{kind: reads, from: 9}, Output: reply{}},
	}
}

func TestAGoodHistoryIsAccepted(t *testing.T) {
	if !porcupine.CheckOperations(log, goodHistory()) {
		t.Error("rejected")
	}
}

func TestASpoiltHistoryIsRejected(t *testing.T) {
	for name, spoil := range map[string]func(h []porcupine.Operation){
		"an index twice":                    func(h []porcupine.Operation) { h[1].Output = reply{index: 2} },
		"an index left out":                 func(h []porcupine.Operation) { h[5].Output = reply{index: 4} },
		"a head behind what is confirmed":   func(h []porcupine.Operation) { h[2].Output = reply{head: 1} },
		"a head ahead":                      func(h []porcupine.Operation) { h[2].Output = reply{head: 3} },
		"a condition that held was refused": func(h []porcupine.Operation) { h[1].Output = reply{head: 1} },
		"a condition that did not hold":     func(h []porcupine.Operation) { h[3].Output = reply{index: 3} },
		"a refusal that names another head": func(h []porcupine.Operation) { h[3].Output = reply{head: 3} },
		"a read without the last entry":     func(h []porcupine.Operation) { h[4].Output = reply{entries: []int{8}} },
		"a read in another order":           func(h []porcupine.Operation) { h[4].Output = reply{entries: []int{7, 8}} },
		"a read of what was refused":        func(h []porcupine.Operation) { h[6].Output = reply{entries: []int{9}} },
		"a read of what nobody wrote":       func(h []porcupine.Operation) { h[7].Output = reply{entries: []int{5}} },
		"seen, and gone at the next read":   func(h []porcupine.Operation) { h[7].Input = request{kind: heads}; h[7].Output = reply{head: 2} },
		"before what was confirmed before it": func(h []porcupine.Operation) {
			h[0].Call, h[1].Call, h[1].Return = 0, 20, 30
			h[0].Output = reply{index: 2}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := goodHistory()
			spoil(h)
			if porcupine.CheckOperations(log, h) {
				t.Error("accepted")
			}
		})
	}
}
