package chaos

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/ringlog/ringlog/integration/ledger"
	"github.com/ringlog/ringlog/integration/load"
)

// A probe is a client that appends one entry after the other, at its home, and elsewhere when that refuses,
// or says nothing for patience. Its appends are numbered, so that it may send them again anywhere.
type probe struct {
	id     uint32
	home   *node
	ledger *ledger.Ledger
	any    load.Dialer // some node

	mu   sync.Mutex // guards the following
	done []served
}

// served is an append that was confirmed.
type served struct{ sent, done time.Time }

// patience is how long a probe waits for an answer.
const patience = time.Second

func newProbe(l *ledger.Ledger, id uint32, home *node, anywhere load.Dialer) *probe {
	p := &probe{id: id, home: home, ledger: l, any: anywhere}
	l.Client(id, true)
	return p
}

// run appends until ctx ends.
func (p *probe) run(ctx context.Context) {
	var conn net.Conn
	var lines *bufio.Reader
	away := false
	for n := uint32(1); ctx.Err() == nil; {
		if conn == nil {
			var err error
			if conn, err = p.connect(ctx, away); err != nil {
				away = true
				pause(ctx)
				continue
			}
			lines = bufio.NewReaderSize(conn, 64<<10)
		}
		if p.append(conn, lines, n) {
			n++
			continue
		}
		conn.Close()
		conn, away = nil, !away
		pause(ctx)
	}
	if conn != nil {
		conn.Close()
	}
}

// pause is part of the load: a client that was refused does not ask at once again.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Millisecond):
	}
}

func (p *probe) connect(ctx context.Context, away bool) (net.Conn, error) {
	if away || !p.home.up.Load() {
		return p.any(ctx)
	}
	return p.home.dial(ctx)
}

// append sends the n-th append; false when it has to be sent again.
func (p *probe) append(conn net.Conn, lines *bufio.Reader, n uint32) bool {
	op := ledger.Op{Client: p.id, N: n}
	p.ledger.Sent(op)
	line := fmt.Appendf(nil, `{"id":"%d","producer":"probe-%d","seq":%d,"entry":`, n, p.id, n)
	line = append(ledger.AppendEntry(line, p.ledger.Seed, op), '}', '\n')
	sent := time.Now()
	if conn.SetDeadline(sent.Add(patience)) != nil {
		return false
	}
	if _, err := conn.Write(line); err != nil {
		return false
	}
	text, err := lines.ReadBytes('\n')
	if err != nil {
		return false
	}
	a, err := load.Parse(text)
	switch {
	case err != nil || a.ID != fmt.Sprint(n) || strings.HasPrefix(a.Error, "seq is "):
		p.ledger.Violate(ledger.Protocol, "probe %d: %.200q instead of the answer to %d", p.id, text, n)
		return false
	case a.Error != "":
		return false
	}
	p.ledger.Confirmed(op, a.Index)
	p.mu.Lock()
	p.done = append(p.done, served{sent, time.Now()})
	p.mu.Unlock()
	return true
}

// since says how long after a moment an append was confirmed that was sent after it: the time without
// service for who asked at that moment. ok is false if none is yet.
func (p *probe) since(moment time.Time) (gap time.Duration, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.done {
		if s.sent.After(moment) {
			return s.done.Sub(moment), true
		}
	}
	return 0, false
}

// times are the moments between two at which the probe was served.
func (p *probe) times(from, to time.Time) (all []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.done {
		if s.done.After(from) && s.done.Before(to) {
			all = append(all, s.done)
		}
	}
	return all
}
