package logserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
)

// TestStalledAndSlowReaders: beside 200 tails that read nothing and 200 that read little,
// appends are answered and a tail that reads gets every entry; and those that were stalled
// are still connected and miss nothing.
func TestStalledAndSlowReaders(t *testing.T) {
	addr := checked(t, logserver.Options{Memory: 32 << 20}, logserver.ServerOptions{})
	const crowd, appends = 200, 30
	var stalled, slow []*talk
	for range crowd {
		for _, list := range []*[]*talk{&stalled, &slow} {
			k := small(dial(t, addr))
			k.send(`{"from":1}` + "\n")
			k.expect(`{"current":true}`)
			*list = append(*list, k)
		}
	}
	k, tail := dial(t, addr), dial(t, addr)
	tail.send(`{"from":1}` + "\n")
	tail.expect(`{"current":true}`)
	pad := strings.Repeat("x", 40_000)
	for i := 1; i <= appends; i++ {
		k.send(fmt.Sprintf(`{"id":"a","entry":{"n":%d,"pad":"%s"}}`+"\n", i, pad))
		if r := k.receive(); r.Index != uint64(i) {
			t.Fatalf("%+v, want %d", r, i)
		}
		if r := tail.receive(); r.Index != uint64(i) {
			t.Fatalf("the tail is at %d, want %d", r.Index, i)
		}
		slow[i%crowd].receive()
	}
	for i := 0; i < crowd; i += 20 {
		stalled[i].conn.SetDeadline(time.Now().Add(guard))
		for next := uint64(1); next <= appends; next++ {
			if r := stalled[i].receive(); r.Index != next {
				t.Fatalf("stalled tail %d is at %d, want %d", i, r.Index, next)
			}
		}
	}
}
