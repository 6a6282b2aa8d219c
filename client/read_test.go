package client

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

func (s *server) putMany(n int) {
	for i := range n {
		s.put(protocol.MainLog, fmt.Sprintf(`{"n":%d,"pad":"%s"}`, i, strings.Repeat("x", i%200)))
	}
}

// collect returns what an iteration yields, as a line each.
func collect(c *Client, ctx context.Context, follow bool, opts ...ReadOption) (lines []string) {
	read := c.Read
	if follow {
		read = c.Tail
	}
	for e, err := range read(ctx, opts...) {
		if err != nil {
			lines = append(lines, fmt.Sprint(e.Index, " ", err))
			continue
		}
		lines = append(lines, fmt.Sprint(e.Index, " ", string(e.Data)))
	}
	return lines
}

func TestRead(t *testing.T) {
	s := newServer(t)
	s.put(protocol.MainLog, `{"n":1}`, `{"n":2}`, `error `+protocol.ErrorEntryUnavailable, `{"n":4}`, `error `+protocol.ErrorEntryRedacted)
	s.put("other", `["x"]`)
	c := newClient(t, s.start().addr())
	three, five := "3 "+ErrUnavailable.Error(), "5 "+ErrRedacted.Error()
	tests := []struct {
		name   string
		follow bool
		opts   []ReadOption
		want   []string
	}{
		{"all", false, nil, []string{`1 {"n":1}`, `2 {"n":2}`, three, `4 {"n":4}`, five}},
		{"from 0", false, []ReadOption{From(0), Count(1)}, []string{`1 {"n":1}`}},
		{"from 4", false, []ReadOption{From(4)}, []string{`4 {"n":4}`, five}},
		{"from 4, many", false, []ReadOption{From(4), Count(9)}, []string{`4 {"n":4}`, five}},
		{"beyond", false, []ReadOption{From(9)}, nil},
		{"none", false, []ReadOption{Count(0)}, nil},
		{"last", false, []ReadOption{Last(2)}, []string{`4 {"n":4}`, five}},
		{"last, more than there are", false, []ReadOption{Last(9), Count(2)}, []string{`1 {"n":1}`, `2 {"n":2}`}},
		{"since", false, []ReadOption{Since(testTime(4))}, []string{`4 {"n":4}`, five}},
		{"in future", false, []ReadOption{Since(time.Now().Add(time.Hour))}, nil},
		{"log", false, []ReadOption{Log("other")}, []string{`1 ["x"]`}},
		{"no log", false, []ReadOption{Log("none")}, nil},
		{"tail", true, []ReadOption{From(2), Count(3)}, []string{`2 {"n":2}`, three, `4 {"n":4}`}},
		{"wrong log", true, []ReadOption{Log("_")}, []string{`0 log name "_": ` + ErrInvalid.Error()}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := collect(c, t.Context(), test.follow, test.opts...); !slices.Equal(got, test.want) {
				t.Errorf("got %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestReadMeta(t *testing.T) {
	s := newServer(t)
	c := newClient(t, s.start().addr())
	key := "a\"b,\"entry\":\u2028"
	if _, err := c.Append(t.Context(), []byte(`{"n":1}`), Key(key)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(t.Context(), []byte(`{"time":"x"}`)); err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{1, []byte(`{"n":1}`), testTime(1), sha256.Sum256([]byte(`{"n":1}`)), key},
		{2, []byte(`{"time":"x"}`), testTime(2), sha256.Sum256([]byte(`{"time":"x"}`)), ""},
	}
	i := 0
	for e, err := range c.Read(t.Context(), Meta) {
		if err != nil || fmt.Sprint(e) != fmt.Sprint(want[i]) {
			t.Errorf("got %v, %v, want %v", e, err, want[i])
		}
		i++
	}
	if i != 2 {
		t.Errorf("%d entries", i)
	}
}

func TestHeadAndLogs(t *testing.T) {
	s := newServer(t)
	s.put(protocol.MainLog, `{}`, `{}`)
	c := newClient(t, s.start().addr())
	for log, want := range map[Log]uint64{"": 2, "main": 2, "none": 0} {
		if head, err := c.Head(t.Context(), log); err != nil || head != want {
			t.Errorf("head of %q: %d, %v", log, head, err)
		}
	}
	if _, err := c.Head(t.Context(), Log("/")); !errors.Is(err, ErrInvalid) {
		t.Errorf("head: %v", err)
	}
	logs, err := c.Logs(t.Context())
	if err != nil || !slices.Equal(logs, []LogInfo{{"main", 1, 2}}) {
		t.Errorf("logs: %v, %v", logs, err)
	}
}

// A tail yields every entry once, in order, wherever its connections break,
// while entries are appended.
func TestTailOverCuts(t *testing.T) {
	const cuts, entries = 300, 3000
	starts := map[string][]ReadOption{
		"from the first": nil,
		"meta":           {Meta, From(1)},
		"since":          {Since(testTime(1))},
		"last":           {Last(1000)},
		"count":          {Count(entries)},
	}
	for name, opts := range starts {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.putMany(1000)
			s.conduct = func(int) conduct {
				if s.cuts >= cuts {
					return conduct{}
				}
				return conduct{write: 1 + s.rnd.IntN(20_000)}
			}
			c := newClient(t, s.start().addr(), Keep(1000, -1))
			next := uint64(1)
			for e, err := range c.Tail(t.Context(), opts...) {
				if err != nil {
					t.Fatal(err)
				}
				if e.Index != next {
					t.Fatalf("entry %d came instead of %d", e.Index, next)
				}
				if want := fmt.Sprintf(`{"n":%d,`, (next-1)%1000); !strings.HasPrefix(string(e.Data), want) {
					t.Fatalf("entry %d is %s", e.Index, e.Data)
				}
				if next%1000 == 0 && next < entries {
					s.putMany(1000)
				}
				if next++; next > entries && name != "count" {
					break
				}
			}
			if next != entries+1 {
				t.Errorf("it ended before %d", next)
			}
			t.Logf("%d connections", s.count)
		})
	}
}

// A tail that begins at the end misses nothing that is appended before its
// first entry, though the connection breaks in between.
func TestTailFromEndOverCut(t *testing.T) {
	s := newServer(t)
	s.putMany(3)
	c := newClient(t, s.start().addr())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan uint64)
	go func() {
		defer close(got)
		for e, err := range c.Tail(ctx, Last(0)) {
			if err == nil {
				got <- e.Index
			}
		}
	}()
	c.waitForConn(t, s, 1)
	s.cutAll()
	s.putMany(2)
	if first, second := <-got, <-got; first != 4 || second != 5 {
		t.Errorf("got %d and %d", first, second)
	}
	cancel()
	for range got {
	}
}

// waitForConn waits until the n-th connection has asked for a read.
func (c *Client) waitForConn(t *testing.T, s *server, n int) {
	t.Helper()
	c.waitUntil(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.count >= n && s.reading >= n
	})
}

func TestTailEnds(t *testing.T) {
	s := newServer(t)
	s.putMany(1)
	c := newClient(t, s.start().addr())

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for _, err := range c.Tail(ctx) {
		cancel()
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("with its context: %v", errs)
	}

	errs = nil
	for _, err := range c.Tail(t.Context()) {
		c.Close() // must not wait for the loop it is called in
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != 1 || !errors.Is(errs[0], ErrClosed) {
		t.Errorf("with Close: %v", errs)
	}
}

func TestTailBodyCancelsAndBreaks(t *testing.T) {
	s := newServer(t)
	s.putMany(10)
	c := newClient(t, s.start().addr())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range c.Tail(ctx) {
		cancel()
		break // the iteration must yield nothing more
	}
	func() {
		defer func() { recover() }()
		for range c.Tail(t.Context()) {
			panic("in the body")
		}
	}()
}

// A log that has lost entries is not waited for in silence.
func TestTailOfShorterLog(t *testing.T) {
	s := newServer(t)
	s.putMany(10)
	c := newClient(t, s.start().addr())
	n := 0
	for e, err := range c.Tail(t.Context()) {
		if err != nil {
			if !errors.Is(err, ErrShorter) {
				t.Errorf("error %v", err)
			}
			break
		}
		if n++; e.Index == 10 {
			s.mu.Lock()
			s.m.logs[protocol.MainLog] = s.m.logs[protocol.MainLog][:5]
			s.mu.Unlock()
			s.cutAll()
		}
	}
	if n != 10 {
		t.Errorf("%d entries", n)
	}
}

// A tail on which nothing comes asks for a sign of life, and connects again
// when it gets none.
func TestTailNeedsSigns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, dialed atomic.Int32
		const answered = 20
		c := newBubbleClient(t, dialing(func() (net.Conn, error) {
			near, far := net.Pipe()
			first := dialed.Add(1) == 1
			go func() {
				defer far.Close()
				lines := bufio.NewScanner(far)
				for lines.Scan() {
					m := parseMessage(lines.Bytes())
					switch {
					case m.From != nil && !first:
						fmt.Fprintln(far, `{"index":1,"entry":{}}`)
					case m.Head && asked.Add(1) <= answered:
						far.Write(protocol.AppendHead(nil, m.ID, 0))
					}
				}
			}()
			return near, nil
		}))
		defer c.Close()
		began := time.Now()
		for _, err := range c.Tail(t.Context(), Count(1)) {
			if err != nil {
				t.Error(err)
			}
		}
		// Each connection begins with a question.
		if dialed.Load() != 2 || asked.Load() != answered+2 {
			t.Errorf("%d connections, asked %d times", dialed.Load(), asked.Load())
		}
		if d := time.Since(began); d < (answered+1)*30*time.Second || d > (answered+2)*30*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// What the iteration yields is the caller's, whatever comes after it.
func TestEntriesAreKept(t *testing.T) {
	s := newServer(t)
	s.putMany(5000)
	c := newClient(t, s.start().addr())
	var kept []Entry
	for e, err := range c.Read(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, e)
	}
	log := s.log(protocol.MainLog)
	for i, e := range kept {
		if string(e.Data) != string(log[i]) {
			t.Fatalf("entry %d became %s", e.Index, e.Data)
		}
	}
}
