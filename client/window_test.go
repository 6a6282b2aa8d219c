package client

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

var seeds = flag.Int("seeds", 500, "how many random histories of the window to try")

// simulation runs a window against a model over connections that break, whose
// server goes on with what it had received before.
type simulation struct {
	t      *testing.T
	rnd    *rand.Rand
	w      *window
	m      *model
	now    time.Time
	since  time.Time // the connection broke; zero while there is one
	paused bool

	sent    [][]byte   // lines on the connection, not yet handled
	back    [][]byte   // answers on it, not yet received
	zombies [][][]byte // lines of broken connections
	next    int        // of the entries

	refusals []string // the server says one of these now and then
	patient  bool     // nothing is given up
	p        []*Pending
}

func (s *simulation) one(n int) bool { return s.rnd.IntN(n) == 0 }

func (s *simulation) accept() {
	r, _, err := (&options{maxEntry: 100}).newRequest([][]byte{testEntry(s.next)}, false, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	s.next++
	if !s.since.IsZero() {
		r.kept = s.now
	}
	p := &Pending{}
	s.p = append(s.p, p)
	s.w.accept(r, p)
}

func (s *simulation) send() {
	if s.paused || !s.since.IsZero() {
		return
	}
	out := s.w.fill(nil, 1+s.rnd.IntN(500))
	for line := range bytes.Lines(out) {
		s.sent = append(s.sent, bytes.Clone(line))
	}
}

// handle is the server with one line, whose answer it returns.
func (s *simulation) handle(line []byte) []byte {
	m := parseMessage(line)
	if len(s.refusals) > 0 && s.one(20) {
		refusal := s.refusals[s.rnd.IntN(len(s.refusals))]
		if refusal == protocol.ErrorUnknownOutcome && s.one(2) {
			s.m.append(m)
		}
		return protocol.AppendError(nil, m.ID, refusal)
	}
	return s.m.append(m)
}

func (s *simulation) serve() {
	if len(s.zombies) > 0 && s.one(3) {
		i := s.rnd.IntN(len(s.zombies))
		s.handle(s.zombies[i][0])
		if s.zombies[i] = s.zombies[i][1:]; len(s.zombies[i]) == 0 {
			s.zombies = append(s.zombies[:i], s.zombies[i+1:]...)
		}
		return
	}
	if len(s.sent) > 0 {
		s.back = append(s.back, s.handle(s.sent[0]))
		s.sent = s.sent[1:]
	}
}

func (s *simulation) receive() {
	if len(s.back) == 0 {
		return
	}
	a, _, ok, err := parseAnswer(bytes.TrimSpace(s.back[0]))
	if err != nil || !ok {
		s.t.Fatalf("answer %q: %v", s.back[0], err)
	}
	s.back = s.back[1:]
	if !s.w.answered(a) {
		s.t.Fatalf("answer %+v came although %d was due", a, s.w.answer)
	}
	if s.w.settleable() {
		switch s.w.settle(s.now) {
		case reconnect:
			s.cut()
		case pause:
			s.paused = true
		}
	}
}

func (s *simulation) cut() {
	if len(s.sent) > 0 {
		// All of it, or what had arrived, lives on.
		if n := s.rnd.IntN(len(s.sent) + 1); n > 0 {
			s.zombies = append(s.zombies, s.sent[:n])
		}
	}
	s.sent, s.back, s.paused = nil, nil, false
	s.w.cut(s.now)
	if s.since.IsZero() {
		s.since = s.now
	}
}

func (s *simulation) step() {
	s.now = s.now.Add(time.Second)
	switch s.rnd.IntN(16) {
	case 0, 1, 2:
		s.accept()
	case 3, 4, 5:
		s.send()
	case 6, 7, 8, 9:
		s.serve()
	case 10, 11, 12:
		s.receive()
	case 13:
		s.paused = false
	case 14:
		if s.one(6) {
			s.cut()
		} else {
			s.since = time.Time{}
		}
	case 15:
		if s.patient {
			return
		}
		if len(s.p) > 0 && s.one(10) {
			s.w.withdraw(s.p[s.rnd.IntN(len(s.p))], errors.New("withdrawn"))
		}
		if !s.since.IsZero() && s.one(4) {
			s.w.expire(s.since, s.now.Add(-20*time.Second), ErrDisconnected)
		}
	}
	s.tell()
}

func (s *simulation) tell() {
	if told := s.w.takeOutcomes(); told != nil {
		told.deliver()
	}
}

// finish lets all that is under way come to its end.
func (s *simulation) finish() {
	s.refusals = nil
	for range 100_000 {
		if s.w.count == 0 && len(s.zombies) == 0 {
			return
		}
		s.since, s.paused = time.Time{}, false
		s.send()
		s.serve()
		s.receive()
		s.tell()
	}
	s.t.Fatalf("%d appends never get an outcome", s.w.count)
}

// history runs the simulation and returns what became of its appends.
func (s *simulation) history() *history {
	for range 400 {
		s.step()
	}
	s.finish()
	h := &history{}
	for _, p := range s.p {
		if !p.settled {
			s.t.Fatal("an append was never told its outcome")
		}
		h.index, h.err = append(h.index, p.index), append(h.err, p.err)
	}
	if s.w.bytes != 0 || s.w.settledTo() != s.w.accepted {
		s.t.Errorf("at the end %d bytes, settled to %d of %d", s.w.bytes, s.w.settledTo(), s.w.accepted)
	}
	h.check(s.t, s.m.logs[protocol.MainLog])
	return h
}

var passing = []string{protocol.ErrorDiskFull, protocol.ErrorOverloaded, protocol.ErrorNoQuorum,
	protocol.ErrorShuttingDown, protocol.ErrorUnknownOutcome}

// Whatever connections, server and back-off do: a confirmed append is in the
// log, once; one that failed is not, unless that is unknown. And if nothing is
// given up, everything is appended, in its order.
func TestWindowRandomHistories(t *testing.T) {
	modes := map[string]simulation{
		"cuts":          {w: newWindow(retryLimits{0, -1}), patient: true},
		"refusals":      {w: newWindow(retryLimits{0, 50 * time.Second}), refusals: append(passing, protocol.ErrorForbidden)},
		"entries":       {w: newWindow(retryLimits{0, 50 * time.Second}), refusals: []string{protocol.ErrorInvalidMessage}},
		"everything":    {w: newWindow(retryLimits{0, 50 * time.Second}), refusals: append(passing, protocol.ErrorInvalidMessage)},
		"some patience": {w: newWindow(retryLimits{10 * time.Second, -1}), refusals: passing},
		"patience":      {w: newWindow(retryLimits{-1, -1}), refusals: passing, patient: true},
	}
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			seed := rand.Uint64()
			for n := range uint64(*seeds) {
				s := mode
				s.t, s.m, s.rnd = t, newModel(), rand.New(rand.NewPCG(seed, n))
				s.w, s.now = newWindow(mode.w.retry), time.Unix(0, 0)
				h := s.history()
				if s.patient && (h.failure() != nil || len(s.m.logs[protocol.MainLog]) != len(h.err)) {
					t.Errorf("not everything was appended: %v", h.failure())
				}
				if t.Failed() {
					t.Fatalf("seed %d, %d", seed, n)
				}
			}
		})
	}
}
