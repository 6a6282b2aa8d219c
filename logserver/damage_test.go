package logserver_test

import (
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
)

// A damaged entry is never served: a line says so in its place, the read goes on,
// and so does everything else.
func TestADamagedEntryIsUnavailable(t *testing.T) {
	disk := fs.Memory()
	addr := serve(t, logserver.Options{Files: disk}, logserver.ServerOptions{})
	hold(t, addr, `
		> {"id":"a","entry":{"n":1}}
		< {"id":"a","index":1}
		> {"id":"b","entries":[{"findme":2},{"n":3}]}
		< {"id":"b","index":2,"count":2}
		> {"id":"c","entry":{"n":4}}
		< {"id":"c","index":4}`)
	flip(t, disk, `findme`)
	hold(t, addr, `
		> {"from":1,"follow":false}
		< {"index":1,"entry":{"n":1}}
		< {"index":2,"error":"entry unavailable"}
		< {"index":3,"error":"entry unavailable"}
		< {"index":4,"entry":{"n":4}}
		< {"current":true}
		> {"id":"d","entry":{"n":5}}
		< {"id":"d","index":5}`)
}

// A rebuild of the index goes on where content is damaged.
func TestARebuildGoesOnPastDamagedContent(t *testing.T) {
	disk := fs.Memory()
	t.Run("before", func(t *testing.T) {
		hold(t, serve(t, logserver.Options{Files: disk}, logserver.ServerOptions{}), `
			> {"id":"a","entry":{"n":1}}
			< {"id":"a","index":1}
			> {"id":"b","entries":[{"findme":2},{"n":3}]}
			< {"id":"b","index":2,"count":2}
			> {"id":"c","entry":{"n":4}}
			< {"id":"c","index":4}`)
	})
	// Another file begins, so that the damage is not in what a start must read whole.
	t.Run("again", func(t *testing.T) {
		hold(t, serve(t, logserver.Options{Files: disk}, logserver.ServerOptions{}), `
			> {"head":true}
			< {"head":4}`)
	})
	flip(t, disk, `findme`)
	hold(t, serve(t, logserver.Options{Files: disk}, logserver.ServerOptions{}), `
		> {"from":1,"follow":false}
		< {"index":1,"entry":{"n":1}}
		< {"index":2,"error":"entry unavailable"}
		< {"index":3,"error":"entry unavailable"}
		< {"index":4,"entry":{"n":4}}
		< {"current":true}
		> {"id":"d","entry":{"n":5}}
		< {"id":"d","index":5}`)
}

// flip changes the first byte of text where it stands in a segment.
func flip(t *testing.T, disk *fs.Mem, text string) {
	t.Helper()
	f, err := disk.Open("0000000000000001.seg")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	if _, err := f.ReadAt(content, 0); err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(content), text)
	if at < 0 {
		t.Fatalf("%s is not in the segment", text)
	}
	if _, err := f.WriteAt([]byte{content[at] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
}
