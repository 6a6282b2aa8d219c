package logserver

import (
	"context"
	"errors"
	"time"

	"github.com/ringlog/ringlog/protocol"
)

// headPatience is how long a read waits for its head to be confirmed before it goes on with
// what is here. Without a quorum it is sent everything that was decided, and not told that
// this is current; one that doesn't go on at the head ends then with ErrorNoQuorum.
const headPatience = time.Second

// runConfirmed begins a read at one node of several: where the log ends has to be asked.
func (t *tail) runConfirmed(from *protocol.From) {
	l, o := t.c.log, &t.c.out
	ctx, cancel := context.WithTimeout(context.Background(), headPatience)
	err := l.Newest(ctx)
	cancel()
	head := t.topic.Head()
	first := l.firstIndex(t.topic, from, head)
	o.mu.Lock()
	t.next = first
	if err == nil {
		t.high = head
	}
	o.mu.Unlock()
	if err != nil {
		go t.confirmLater()
	}
	t.run()
}

// confirmLater finds out where the log ended, as soon as somebody can tell.
func (t *tail) confirmLater() {
	l, o := t.c.log, &t.c.out
	for {
		err := l.Newest(context.Background())
		head := t.topic.Head()
		o.mu.Lock()
		over := o.tail != t || t.stopNow || o.gone
		if err == nil {
			t.high = head
		}
		t.unsure = errors.Is(err, ErrNoQuorum)
		o.mu.Unlock()
		if (err == nil || t.unsure) && !over {
			t.Wake()
		}
		if err == nil || over {
			return
		}
		select {
		case <-l.closing:
			return
		case <-time.After(headPatience):
		}
	}
}
