package logserver_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
)

// TestSlowTails: reads whose clients take a little at a time give their memory up again and
// again, in the middle of lines, and each client gets every byte that a quick one gets.
func TestSlowTails(t *testing.T) { slowTails(t, logserver.ServerOptions{}, dial) }

func slowTails(t *testing.T, so logserver.ServerOptions, dial func(*testing.T, string) *talk) {
	so.Patience, so.ReadChunk = time.Nanosecond, 64<<10
	addr := checked(t, logserver.Options{Files: fs.Memory(), Recent: 64 << 10}, so)
	k := dial(t, addr)
	const entries = 120
	appendOne := func(i int) {
		k.send(fmt.Sprintf(`{"id":"a","key":"k%d","entry":{"n":%d,"pad":"%s"}}`+"\n", i, i, strings.Repeat(string(rune('a'+i%26)), i*i*7)))
		k.receive()
	}
	for i := range entries / 2 {
		appendOne(i)
	}
	type slow struct {
		*talk
		from, to int
	}
	var all []slow
	for _, meta := range []string{"", `,"meta":true`} {
		for read, s := range map[string]slow{
			`{"from":1%s}`:                    {nil, 1, entries},
			`{"from":1,"read":110%s}`:         {nil, 1, 110},
			`{"from":-30,"follow":false%s}`:   {nil, 31, 60},
			`{"from":40,"echo":true%s}`:       {nil, 40, entries},
			`{"from":1,"read":1%s}`:           {nil, 1, 1},
			`{"from":1,"follow":false%s}`:     {nil, 1, 60},
			`{"from":"-100d","read":100%s}`:   {nil, 1, 100},
			`{"from":0,"read":59%s}`:          {nil, 1, 59},
			`{"from":100,"read":5%s}`:         {nil, 100, 104},
			`{"from":2,"log":"main"%s}`:       {nil, 2, entries},
			`{"from":59,"read":3,"x":true%s}`: {nil, 59, 61},
		} {
			s.talk = small(dial(t, addr))
			s.send(fmt.Sprintf(read, meta) + "\n")
			if s.from <= entries/2 {
				s.lines.Peek(1) // it was taken before there is more
			}
			all = append(all, s)
		}
	}
	for i := entries / 2; i < entries; i++ {
		appendOne(i)
	}
	for i, s := range all {
		meta := ""
		if i >= len(all)/2 {
			meta = `,"meta":true`
		}
		quick := dial(t, addr)
		quick.send(fmt.Sprintf(`{"from":%d,"read":%d%s}`+"\n", s.from, s.to-s.from+1, meta))
		s.send(`{"head":true}` + "\n") // answered between the entries, and never within one
		for next := s.from; next <= s.to; {
			got := s.line()
			if !strings.Contains(got, `"entry":`) {
				if got != `{"current":true}` && got != `{"head":120}` {
					t.Fatalf("read %d: %.80q", i, got)
				}
				continue
			}
			if want := quick.line(); got != want {
				t.Fatalf("read %d: %.80q, want %.80q", i, got, want)
			}
			next++
		}
	}
}
