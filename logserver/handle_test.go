package logserver

import (
	"fmt"
	"net"
	"testing"
)

// A short question with a long answer, asked again and again by a client that
// takes nothing, costs no more memory than is promised: also when the client is
// gone already, or the server stops.
func TestLogsAreNotListedIntoTheVoid(t *testing.T) {
	for _, when := range []string{"gone", "stopping"} {
		t.Run(when, func(t *testing.T) {
			l, err := Open(Options{Blobs: InMemory})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			for i := range 100 {
				l.hub.Found(fmt.Sprintf("log-%d", i), uint32(i)+1, 1)
			}
			near, far := net.Pipe()
			defer far.Close()
			const limit, answer = 1 << 10, 8 << 10
			c := newConnection(NewServer(l, ServerOptions{MaxUnsent: limit}), near)
			if when == "gone" {
				c.out.abandon()
			} else {
				c.stopping.Store(true)
			}
			for range 100 {
				c.desk = new(desk)
				c.handleLogs()
			}
			if size := c.out.size(); size > limit+2*answer {
				t.Errorf("%d bytes wait to be sent", size)
			}
			c.out.abandon()
			c.out.finish("")
		})
	}
}
