package logserver_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/check"
)

// victim is a small data directory, and all that it must answer.
type victim struct {
	image   map[string][]byte
	entries map[string][]string // of each log, its lines
	last    string              // name of the last segment
}

// newVictim makes a directory of some segments: appends to three logs, by one and by many, with keys
// and numbers, refused ones among them, and a restart.
func newVictim(t *testing.T) *victim {
	t.Helper()
	disk, v := fs.Memory(), &victim{entries: map[string][]string{}}
	for round := range 3 {
		addr, stop := started(t, disk)
		k := dial(t, addr)
		for i := range 30 {
			log, n := fmt.Sprintf("l%d", i%3), 1+i%4
			var texts []string
			for j := range n {
				texts = append(texts, fmt.Sprintf(`{"r":%d,"i":%d,"j":%d,"pad":"%s"}`, round, i, j, strings.Repeat("x", i*j*(1+round%2*50)%4000)))
			}
			k.send(fmt.Sprintf(`{"id":"a","log":"%s","entries":[%s],"producer":"p%d","seq":%d,"key":"k%d-%d"}`+"\n",
				log, strings.Join(texts, ","), i%2, round*15+i/2+1, round, i))
			if r := k.receive(); r.Error != "" || r.Index != uint64(len(v.entries[log]))+1 {
				t.Fatalf("%+v", r)
			}
			v.entries[log] = append(v.entries[log], texts...)
			if i%7 == 0 {
				k.send(fmt.Sprintf(`{"id":"b","log":"%s","entry":{"no":1},"after":9999}`+"\n", log))
				k.receive()
			}
		}
		// In one write, so that one batch has both, and is read in parts.
		large, small := fmt.Sprintf(`{"large":"%s"}`, strings.Repeat("y", 40<<10)), fmt.Sprintf(`{"small":%d}`, round)
		k.send(fmt.Sprintf(`{"id":"c","log":"l1","entry":%s}`+"\n"+`{"id":"d","log":"l0","entry":%s}`+"\n", large, small))
		for range 2 {
			if r := k.receive(); r.Error != "" {
				t.Fatalf("%+v", r)
			}
		}
		v.entries["l1"], v.entries["l0"] = append(v.entries["l1"], large), append(v.entries["l0"], small)
		k.conn.Close()
		stop()
	}
	v.image = imageOf(t, disk)
	for name := range v.image {
		if strings.HasSuffix(name, ".seg") {
			v.last = max(v.last, name)
		}
	}
	return v
}

func imageOf(t *testing.T, f fs.FS) map[string][]byte {
	t.Helper()
	names, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	im := map[string][]byte{}
	for _, name := range names {
		file, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := file.Size()
		im[name] = make([]byte, size)
		if _, err := file.ReadAt(im[name], 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		file.Close()
	}
	return im
}

// serves checks what a directory answers: each entry, or that it is unavailable, which only those may
// be that lost says; nil: any. It returns how many are.
func (v *victim) serves(t *testing.T, what string, disk fs.FS, lost []check.Lost, any bool) (unavailable int) {
	t.Helper()
	addr, stop := started(t, disk)
	defer stop()
	k := dial(t, addr)
	defer k.conn.Close()
	for log, texts := range v.entries {
		k.send(fmt.Sprintf(`{"log":"%s","from":1,"follow":false}`+"\n", log))
		for i, text := range texts {
			gone := slices.ContainsFunc(lost, func(l check.Lost) bool {
				return l.Log == log && l.First <= uint64(i)+1 && uint64(i)+1 <= l.Last
			})
			got := k.line()
			here, not := fmt.Sprintf(`{"index":%d,"entry":%s}`, i+1, text), fmt.Sprintf(`{"index":%d,"error":"entry unavailable"}`, i+1)
			switch {
			case got == not && (gone || any):
				unavailable++
			case got != here || gone && !any:
				t.Fatalf("%s: got %.80s, want %.80s (lost %v)", what, got, here, lost)
			}
		}
		if got := k.line(); got != `{"current":true}` {
			t.Fatalf("%s: got %s behind the last entry", what, got)
		}
		k.send(fmt.Sprintf(`{"id":"n","log":"%s","entry":{"new":1},"after":%d}`+"\n", log, len(texts)))
		if r := k.receive(); r.Index != uint64(len(texts))+1 {
			t.Fatalf("%s: an append behind it: %+v", what, r)
		}
	}
	return unavailable
}
