package logserver_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

// What a repair has put right is served again, also with an index that was made while it was damaged.
func TestAnIndexMadeOfDamageServesWhatIsMended(t *testing.T) {
	disk, db := fs.Memory(), filepath.Join(t.TempDir(), "db")
	pad := strings.Repeat("y", 40<<10) // large enough to be read in parts
	session := func(name, db, script string) {
		t.Run(name, func(t *testing.T) {
			hold(t, serve(t, logserver.Options{Files: disk, DB: db}, logserver.ServerOptions{LostPause: 1}), script)
		})
	}
	session("before", "", `
		> {"id":"a","entries":[{"findme":"`+pad+`"},{"n":2}]}
		< {"id":"a","index":1,"count":2}`)
	session("another file", "", `
		> {"head":true}
		< {"head":2}`)
	flip(t, disk, `findme`)
	session("damaged", db, `
		> {"from":1,"follow":false}
		< {"index":1,"error":"entry unavailable"}
		< {"index":2,"error":"entry unavailable"}
		< {"current":true}`)
	repaired(t, disk, 0)
	session("repaired", db, `
		> {"from":2,"follow":false}
		< {"index":2,"entry":{"n":2}}
		< {"current":true}
		> {"from":1,"follow":false}
		< {"index":1,"entry":{"findme":"`+pad+`"}}
		< {"index":2,"entry":{"n":2}}
		< {"current":true}`)
	if r, err := check.Data(check.Options{Files: disk, DB: db}); err != nil || r.Rows == 0 {
		t.Errorf("%v, %+v", err, r)
	}
}

// A gap at the head of a segment whose content begins where that of the segment before begins doesn't
// make one pass for the other.
func TestAGapAtTheHeadOfASegment(t *testing.T) {
	disk := fs.Memory()
	t.Run("before", func(t *testing.T) {
		k := dial(t, serve(t, logserver.Options{Files: disk, Segment: segment.MinSize}, logserver.ServerOptions{}))
		for i := range 6 {
			k.send(fmt.Sprintf(`{"id":"a","entry":{"n":%d,"pad":"%s"}}`+"\n", i, strings.Repeat("z", 50<<10)))
			k.expect(fmt.Sprintf(`{"id":"a","index":%d}`, i+1))
		}
	})
	image := imageOf(t, disk)
	name := segment.FileName(4)
	image[name] = bytes.Clone(image[name])
	clear(image[name][4096:8192])
	repaired(t, diskOf(t, image), 1)
}

// Of equal appends behind a gap each keeps its own place: nothing is lost but what lay in the gap.
func TestEqualAppendsBehindAGap(t *testing.T) {
	disk := fs.Memory()
	t.Run("before", func(t *testing.T) {
		k := dial(t, serve(t, logserver.Options{Files: disk, Segment: segment.MinSize}, logserver.ServerOptions{}))
		for i := range 400 {
			k.send(`{"id":"a","log":"beat","entry":{"up":true}}` + "\n")
			k.expect(fmt.Sprintf(`{"id":"a","index":%d}`, i+1))
			k.send(fmt.Sprintf(`{"id":"a","entry":{"n":%d,"pad":"%s"}}`+"\n", i, strings.Repeat("z", 200)))
			k.expect(fmt.Sprintf(`{"id":"a","index":%d}`, i+1))
		}
	})
	image := imageOf(t, disk)
	name := segment.FileName(2)
	image[name] = bytes.Clone(image[name])
	clear(image[name][4096:7096])
	repaired(t, diskOf(t, image), 6)
}

// repaired repairs a directory, by which so many entries get lost.
func repaired(t *testing.T, disk fs.FS, lost uint64) {
	t.Helper()
	r, err := check.Examine(check.Options{Files: disk})
	if r != nil {
		defer r.Close()
	}
	if err != nil || r.Report.Gone != lost || len(r.Damages) != 1 {
		t.Fatalf("%v, %+v", err, r)
	}
	if err := r.Apply(); err != nil {
		t.Fatal(err)
	}
	if report, err := check.Data(check.Options{Files: disk}); err != nil || report.Gone != lost {
		t.Fatalf("after the repair: %v, %+v", err, report)
	}
}
