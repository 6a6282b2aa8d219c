package client

import (
	"errors"
	"fmt"
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
