package client

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

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
				behind := errors.Is(err, ErrBehind) && errors.Is(err, test.want) == temporary(test.want)
				if err != nil && (!behind || ofEntry(test.want)) {
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

// What is on its way behind an entry that closes the connection goes on
// without it, in order and once.
func TestRestGoesOnBehindTooLongOnes(t *testing.T) {
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
	const n = 500
	long := fmt.Appendf(nil, `{"pad":"%01000d"}`, 0)
	var p []*Pending
	var want [][]byte
	for i := range n {
		entry := testEntry(i)
		if i%100 == 7 {
			entry = long
		} else {
			want = append(want, entry)
		}
		p = append(p, c.AppendAsync(t.Context(), entry))
	}
	for i, p := range p {
		if _, err := p.Result(); (err != nil) != (i%100 == 7) || err != nil && !errors.Is(err, ErrTooLong) {
			t.Errorf("append %d: %v", i, err)
		}
	}
	if got := s.log(protocol.MainLog); !slices.EqualFunc(got, want, bytes.Equal) {
		t.Errorf("the log has %d entries, want %d in their order", len(got), len(want))
	}
}
