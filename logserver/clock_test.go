package logserver_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
)

// TestClockJumps: a clock that jumps by ten years, either way, also across restarts, changes
// nothing but times, and those never go back. Who is started with a clock behind is warned.
func TestClockJumps(t *testing.T) {
	const years = 10 * 365 * 24 * time.Hour
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	var now atomic.Int64
	disk, last, n := fs.Memory(), time.Time{}, 0
	for _, jump := range []time.Duration{0, years, -years, 0, years + time.Hour, 1} {
		var said bytes.Buffer
		now.Store(start.Add(jump).UnixNano())
		behind := start.Add(jump).Before(last)
		o := logserver.Options{Files: disk, Now: func() time.Time { return time.Unix(0, now.Load()) }, Logger: zerolog.New(&said)}
		l, err := logserver.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(said.String(), "the clock is behind the last entry's time"); warned != behind {
			t.Errorf("clock at %v, last entry %v: %s", start.Add(jump), last, said.String())
		}
		addr := serveLog(t, l)
		k := dial(t, addr)
		for _, within := range []time.Duration{0, -years, years, time.Second, -time.Second} {
			at := start.Add(jump + within)
			now.Store(at.UnixNano())
			if at.After(last) {
				last = at
			}
			n++
			line := fmt.Sprintf(`{"id":"a","producer":"p","seq":%d,"key":"k%d","entry":{"n":%d}}`+"\n", n, n, n)
			k.send(line + line)
			k.expect(fmt.Sprintf(`{"id":"a","index":%d}`, n), fmt.Sprintf(`{"id":"a","index":%d,"duplicate":true}`, n))
			k.send(`{"from":-1,"read":1,"meta":true}` + "\n")
			want := fmt.Sprintf(`{"index":%d,"time":"%s",`, n, last.Format("2006-01-02T15:04:05.000000000Z"))
			if got := k.line(); !strings.HasPrefix(got, want) {
				t.Errorf("got %s, want %s", got, want)
			}
			k.receive()
		}
		k.conn.Close()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
