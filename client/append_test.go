package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// newClient returns a client that comes back quickly.
func newClient(t testing.TB, addr string, opts ...Option) *Client {
	t.Helper()
	c, err := New(addr, append([]Option{BackOff(time.Microsecond, time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// appendAll appends n test entries, or as long as there are to be more, 500 at
// a time, and returns what became of them.
func appendAll(t testing.TB, c *Client, n int, more func(int) bool) *history {
	h := &history{}
	var pending []*Pending
	for i := 0; i < n || more != nil && more(i); i++ {
		pending = append(pending, c.AppendAsync(t.Context(), testEntry(i)))
		if i >= 500 {
			<-pending[i-500].Done()
		}
	}
	for _, p := range pending {
		index, err := p.Result()
		h.index, h.err = append(h.index, index), append(h.err, err)
	}
	return h
}

// cutting returns a conduct that cuts a connection at a random byte, until
// there were so many cuts.
func (s *server) cutting(cuts int) func(int) conduct {
	return func(n int) conduct {
		switch {
		case s.cuts >= cuts:
			return conduct{}
		case s.rnd.IntN(2) == 0:
			return conduct{read: 1 + s.rnd.IntN(20_000)}
		}
		return conduct{write: 1 + s.rnd.IntN(5_000)}
	}
}

func TestExactlyOnceOverCuts(t *testing.T) {
	const cuts = 1000
	s := newServer(t)
	s.conduct = s.cutting(cuts)
	c := newClient(t, s.start().addr(), Keep(1000, -1))
	h := appendAll(t, c, 0, func(int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.cuts < cuts
	})
	if err := h.failure(); err != nil {
		t.Error(err)
	}
	log := s.log(protocol.MainLog)
	h.check(t, log)
	if len(log) != len(h.err) {
		t.Errorf("%d appends, %d entries", len(h.err), len(log))
	}
	t.Logf("%d cuts, %d entries", cuts, len(log))
}

func TestCutsAndRefusals(t *testing.T) {
	const cuts = 300
	s := newServer(t)
	cutting := s.cutting(cuts)
	s.conduct = func(n int) conduct {
		c := cutting(n)
		c.answer = func(m message) []byte {
			if s.cuts >= cuts || s.rnd.IntN(200) > 0 {
				return nil
			}
			refusal := passing[s.rnd.IntN(len(passing))]
			if refusal == protocol.ErrorUnknownOutcome && s.rnd.IntN(2) == 0 {
				s.m.append(m)
			}
			return protocol.AppendError(nil, m.ID, refusal)
		}
		return c
	}
	c := newClient(t, s.start().addr())
	h := appendAll(t, c, 0, func(int) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.cuts < cuts
	})
	h.check(t, s.log(protocol.MainLog))
	refused := 0
	for _, err := range h.err {
		switch {
		case err == nil:
		case temporary(err):
			refused++
		default:
			t.Errorf("unexpected: %v", err)
		}
	}
	t.Logf("%d appends, %d refused", len(h.err), refused)
}

// script answers appends with what is told; "" lets the model answer.
func script(answers map[string]string) func(m message) []byte {
	return func(m message) []byte {
		key := string(m.Entry)
		text := answers[key]
		delete(answers, key)
		switch text {
		case "":
			return nil
		case "cut":
			return []byte("cut")
		}
		return protocol.AppendError(nil, m.ID, text)
	}
}

// What is refused without using its number up takes with it what was sent
// behind it; the next append goes on, under the number that became free.
func TestRefusals(t *testing.T) {
	tests := []struct {
		text string
		want error
	}{
		{protocol.ErrorDiskFull, ErrDiskFull},
		{protocol.ErrorOverloaded, ErrOverloaded},
		{protocol.ErrorNoQuorum, ErrNoQuorum},
		{protocol.ErrorForbidden, ErrForbidden},
		{protocol.ErrorInvalidMessage, ErrInvalid},
		{"it is Monday", ErrRefused},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			s := newServer(t)
			answer := script(map[string]string{`{"n":1}`: test.text})
			seen := make(chan struct{})
			var producers []string
			s.conduct = func(int) conduct {
				return conduct{answer: func(m message) []byte {
					if string(m.Entry) == `{"n":0}` {
						s.mu.Unlock()
						<-seen // so that all are sent together
						s.mu.Lock()
					}
					producers = append(producers, m.Producer)
					return answer(m)
				}}
			}
			c := newClient(t, s.start().addr())
			var p []*Pending
			for i := range 4 {
				p = append(p, c.AppendAsync(t.Context(), testEntry(i)))
			}
			close(seen)
			var errs []error
			for _, p := range p {
				_, err := p.Result()
				errs = append(errs, err)
			}
			if errs[0] != nil || !errors.Is(errs[1], test.want) {
				t.Errorf("errors %v", errs)
			}
			for _, err := range errs[2:] {
				if err != nil && (!errors.Is(err, ErrBehind) || errors.Is(err, test.want) != temporary(test.want)) {
					t.Errorf("behind it: %v", err)
				}
			}
			if _, err := c.Append(t.Context(), testEntry(4)); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			for _, name := range producers {
				if name != producers[0] {
					t.Error("another producer, without need")
				}
			}
		})
	}
}

func TestRetryRefused(t *testing.T) {
	s := newServer(t)
	full := 5
	s.conduct = func(int) conduct {
		return conduct{answer: func(m message) []byte {
			if m.Seq != 3 || full == 0 {
				return nil
			}
			full--
			return protocol.AppendError(nil, m.ID, protocol.ErrorDiskFull)
		}}
	}
	c := newClient(t, s.start().addr(), RetryRefused(time.Hour))
	h := appendAll(t, c, 10, nil)
	if err := h.failure(); err != nil {
		t.Error(err)
	}
	h.check(t, s.log(protocol.MainLog))
}

// A server that lost its memory of the producer can't be told what is pending.
func TestProducerForgotten(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.start().addr())
	if _, err := c.Append(t.Context(), testEntry(0)); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	clear(s.m.producers)
	s.mu.Unlock()
	if _, err := c.Append(t.Context(), testEntry(1)); !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("error %v", err)
	}
	if index, err := c.Append(t.Context(), testEntry(2)); err != nil || index != 2 {
		t.Errorf("afterwards %d, %v", index, err)
	}
}

func TestOutcomeForgotten(t *testing.T) {
	s := newServer(t)
	s.conduct = func(n int) conduct {
		return conduct{answer: func(m message) []byte {
			if n == 1 {
				s.m.append(m)
				return []byte("cut")
			}
			return protocol.AppendDuplicateForgotten(nil, m.ID)
		}}
	}
	c := newClient(t, s.start().addr())
	_, err := c.Append(t.Context(), testEntry(0))
	if !errors.Is(err, ErrForgotten) || !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("error %v", err)
	}
}

// An entry for which the server closes the connection must not be sent for ever.
func TestServerTakesLess(t *testing.T) {
	s := newServer(t)
	s.conduct = func(int) conduct {
		return conduct{answer: func(m message) []byte {
			if len(m.Entry) < 1000 {
				return nil
			}
			return protocol.AppendError(nil, nil, protocol.ErrorLineTooLong)
		}}
	}
	c := newClient(t, s.start().addr())
	long := fmt.Appendf(nil, `{"pad":"%01000d"}`, 0)
	if _, err := c.Append(t.Context(), long); !errors.Is(err, ErrTooLong) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("error %v", err)
	}
	if _, err := c.Append(t.Context(), testEntry(0)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAppendOptions(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.start().addr())
	ctx := t.Context()
	tests := []struct {
		entry string
		opts  []AppendOption
		index uint64
		err   error
	}{
		{`{"a" : 1}`, nil, 1, nil},
		{`["b"]`, []AppendOption{Log("other")}, 1, nil},
		{`{"c":1}`, []AppendOption{Key("k\n\"")}, 2, nil},
		{` {"c":1}`, []AppendOption{Key("k\n\"")}, 2, nil},
		{`{"d":1}`, []AppendOption{Key("k\n\"")}, 0, ErrKeyUsed},
		{`{"d":1}`, []AppendOption{After(1)}, 0, ErrHead},
		{`{"d":1}`, []AppendOption{After(2)}, 3, nil},
		{`{"e":1}`, []AppendOption{Log("third"), After(0), Key("k")}, 1, nil},
	}
	for _, test := range tests {
		index, err := c.Append(ctx, []byte(test.entry), test.opts...)
		if index != test.index || !errors.Is(err, test.err) {
			t.Errorf("%s %v: %d, %v", test.entry, test.opts, index, err)
		}
		var head *HeadError
		if errors.As(err, &head) && head.Head != 2 {
			t.Errorf("head %d", head.Head)
		}
		var used *KeyUsedError
		if errors.As(err, &used) && used.Index != 2 {
			t.Errorf("key used at %d", used.Index)
		}
	}
	if first, err := c.AppendBatch(ctx, [][]byte{[]byte(`{"f":1}`), []byte(`{"f": 2}`)}); err != nil || first != 4 {
		t.Errorf("batch: %d, %v", first, err)
	}
	if index, err := c.AppendValue(ctx, map[string]int{"g": 1}); err != nil || index != 6 {
		t.Errorf("value: %d, %v", index, err)
	}
	want := []string{`{"a":1}`, `{"c":1}`, `{"d":1}`, `{"f":1}`, `{"f":2}`, `{"g":1}`}
	var got []string
	for _, entry := range s.log(protocol.MainLog) {
		got = append(got, string(entry))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log is %s", got)
	}
}

// What would close the connection is never sent.
func TestRefusedHere(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.start().addr(), MaxEntry(100))
	long := fmt.Sprintf(`{"pad":"%0100d"}`, 0)
	tests := []struct {
		entries []string
		opts    []AppendOption
		want    error
	}{
		{[]string{``}, nil, ErrInvalid},
		{[]string{`1`}, nil, ErrInvalid},
		{[]string{"{\n\"a\":1}}"}, nil, ErrInvalid},
		{[]string{"{\"a\":\"\xff\"}"}, nil, ErrInvalid},
		{[]string{long}, nil, ErrTooLong},
		{[]string{`{}`}, []AppendOption{Log("../x")}, ErrInvalid},
		{[]string{`{}`}, []AppendOption{Key("")}, ErrInvalid},
		{[]string{`{}`}, []AppendOption{Key("\xff")}, ErrInvalid},
		{[]string{}, nil, ErrInvalid},
		{[]string{`{}`, `{`}, nil, ErrInvalid},
		{slices.Repeat([]string{`{}`}, protocol.MaxEntries+1), nil, ErrTooLong},
		{slices.Repeat([]string{long[:99] + `"}`}, 1000), nil, ErrTooLong},
	}
	for _, test := range tests {
		var entries [][]byte
		for _, e := range test.entries {
			entries = append(entries, []byte(e))
		}
		_, err := c.AppendBatch(t.Context(), entries, test.opts...)
		if len(entries) == 1 {
			called := 0
			p := c.AppendAsync(t.Context(), entries[0], append(test.opts, OnDone(func(uint64, error) { called++ }))...)
			if _, err = p.Result(); called != 1 {
				t.Errorf("OnDone was called %d times", called)
			}
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%.100q: %v", test.entries, err)
		}
	}
	if len(s.log(protocol.MainLog)) > 0 {
		t.Error("something was sent")
	}
	for _, opts := range [][]Option{{MaxEntry(0)}, {MaxUnanswered(0)}, {Keep(-1, 0)}, {BackOff(0, 0)}, {Timeout(0)}} {
		if _, err := New("localhost:1", opts...); !errors.Is(err, ErrInvalid) {
			t.Errorf("option: %v", err)
		}
	}
	if _, err := New("localhost"); !errors.Is(err, ErrInvalid) {
		t.Errorf("address: %v", err)
	}
}

func TestToken(t *testing.T) {
	s := newServer(t)
	s.token = "secret \"1\""
	s.start()
	right := newClient(t, s.addr(), Token(s.token))
	if _, err := right.Append(t.Context(), testEntry(0)); err != nil {
		t.Error(err)
	}
	for _, opts := range [][]Option{nil, {Token("secret")}} {
		wrong := newClient(t, s.addr(), opts...)
		if _, err := wrong.Append(t.Context(), testEntry(1)); !errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("append: %v", err)
		}
		if _, err := wrong.Head(t.Context()); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("head: %v", err)
		}
		for _, err := range wrong.Tail(t.Context()) {
			if !errors.Is(err, ErrUnauthorized) {
				t.Errorf("tail: %v", err)
			}
		}
	}
}

func TestCloseWithPending(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	c := newClient(t, s.start().addr(), MaxUnanswered(1000))
	defer close(block)
	sent := c.AppendAsync(t.Context(), testEntry(0))
	c.waitUntil(t, func() bool { return c.window.inFlight() })
	results := make(chan error, 20)
	for range cap(results) { // some will be accepted, some wait for room
		go func() {
			_, err := c.Append(t.Context(), testEntry(1))
			results <- err
		}()
	}
	c.waitUntil(t, func() bool { return c.blocked.len() > 5 })
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := sent.Result(); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("sent: %v", err)
	}
	for range cap(results) {
		if err := <-results; !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	}
	if _, err := c.Append(t.Context(), testEntry(2)); !errors.Is(err, ErrClosed) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("after Close: %v", err)
	}
	if _, err := c.Head(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Errorf("after Close: %v", err)
	}
}

// waitUntil waits until a condition over what mu guards holds.
func (c *Client) waitUntil(t testing.TB, condition func() bool) {
	t.Helper()
	for {
		c.mu.Lock()
		ok := condition()
		c.mu.Unlock()
		if ok {
			return
		}
		if t.Context().Err() != nil {
			t.Fatal("never")
		}
		time.Sleep(time.Millisecond) // polls a condition; it decides nothing
	}
}

func TestContext(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	c := newClient(t, s.start().addr(), MaxUnanswered(1))
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := c.Append(ended, testEntry(0)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("before it was accepted: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := c.Append(ctx, testEntry(1))
		result <- err
	}()
	c.waitUntil(t, func() bool { return c.window.inFlight() })
	go func() {
		_, err := c.Append(ctx, testEntry(2))
		result <- err
	}()
	c.waitUntil(t, func() bool { return c.blocked.len() == 1 })
	cancel()
	unknown := 0
	for range 2 {
		err := <-result
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if errors.Is(err, ErrUnknownOutcome) {
			unknown++
		}
	}
	if unknown != 1 {
		t.Errorf("%d of 2 have an unknown outcome, only 1 was sent", unknown)
	}
	close(block)
	if index, err := c.Append(t.Context(), testEntry(3)); err != nil || index != 2 {
		t.Errorf("afterwards %d, %v", index, err)
	}
}

// While the server doesn't answer, appends wait at the byte limit.
func TestBackPressure(t *testing.T) {
	s := newServer(t)
	block := make(chan struct{})
	s.conduct = func(int) conduct {
		return conduct{answer: func(message) []byte { s.mu.Unlock(); <-block; s.mu.Lock(); return nil }}
	}
	const limit = 10_000
	c := newClient(t, s.start().addr(), MaxUnanswered(limit))
	done := make(chan *history)
	go func() { done <- appendAll(t, c, 1000, nil) }()
	c.waitUntil(t, func() bool { return c.blocked.len() == 1 })
	c.mu.Lock()
	if c.window.bytes > limit || c.window.bytes < limit-200 || c.window.count > 100 {
		t.Errorf("%d appends, %d bytes are accepted", c.window.count, c.window.bytes)
	}
	c.mu.Unlock()
	close(block)
	h := <-done
	if err := h.failure(); err != nil {
		t.Error(err)
	}
	h.check(t, s.log(protocol.MainLog))
}

func TestFlush(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.start().addr())
	called := 0
	for i := range 1000 {
		c.AppendAsync(t.Context(), testEntry(i), OnDone(func(index uint64, err error) {
			if called++; err != nil || index != uint64(called) {
				t.Errorf("%d: %d, %v", called, index, err)
			}
		}))
	}
	if err := c.Flush(t.Context()); err != nil || called != 1000 {
		t.Errorf("after Flush: %d were called, %v", called, err)
	}
}

// A server that is silent while something is under way is asked for a sign of
// life, and left when it gives none.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conns := make(chan net.Conn)
	go func() {
		for range 2 {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	c := newClient(t, listener.Addr().String(), Timeout(20*time.Millisecond))
	p := c.AppendAsync(t.Context(), testEntry(0))
	for range 2 {
		conn := <-conns
		defer conn.Close()
	}
	c.Close()
	if _, err := p.Result(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
