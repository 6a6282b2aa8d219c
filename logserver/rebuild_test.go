package logserver_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

// A rebuild of the index that is interrupted, again and again, comes to its end, and nothing that was
// done is done again. Keys and numbers are known as before.
func TestRebuildInterrupted(t *testing.T) {
	v := newVictim(t)
	disk, db := diskOf(t, v.image), filepath.Join(t.TempDir(), "db")
	for interruptions := int64(0); ; interruptions++ {
		interrupt, reads := make(chan struct{}), atomic.Int64{}
		out := &logLines{}
		disk.SetHook(func(op fs.Op) error {
			if op.Kind == fs.OpReadAt && reads.Add(1) == 8+interruptions {
				close(interrupt)
			}
			return nil
		})
		var progress []int64
		l, err := logserver.Open(logserver.Options{
			Files: disk, DB: db, Segment: segment.MinSize, MaxUnwritten: 64, Interrupt: interrupt, TellEvery: 1, Logger: zerolog.New(out),
			Progress: func(done, size int64) {
				if done < 0 || done > size {
					t.Errorf("%d of %d bytes", done, size)
				}
				progress = append(progress, done)
			},
		})
		if errors.Is(err, logserver.ErrInterrupted) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), `"percent":`) {
			t.Error(out)
		}
		if len(progress) < 2 || !slices.IsSorted(progress) || progress[len(progress)-1] == 0 {
			t.Errorf("progress: %v", progress)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if interruptions == 0 {
			t.Errorf("it was not interrupted: %d reads", reads.Load())
		}
		break
	}
	disk.SetHook(nil)
	if r, err := check.Data(check.Options{Files: disk, DB: db}); err != nil || r.Rows == 0 || len(r.Warnings) > 0 {
		t.Fatalf("%v, %+v", err, r)
	}
	k := dial(t, serve(t, logserver.Options{Files: disk, DB: db, Segment: segment.MinSize}, logserver.ServerOptions{}))
	k.send(`{"id":"a","log":"l0","entry":{"r":0,"i":0,"j":0,"pad":""},"key":"k0-0"}` + "\n" + `{"id":"b","producer":"p1","seq":45,"entry":{}}` + "\n")
	k.expect(`{"id":"a","index":1,"duplicate":true}`)
	if r := k.receive(); r.Error != "" || r.Index == 0 {
		t.Errorf("%+v", r)
	}
}

// An index that is not this directory's, or of another time of it, or none at all, is made anew or
// brought up to date, and says nothing wrong.
func TestIndexesOfAllKinds(t *testing.T) {
	disk, dir := fs.Memory(), t.TempDir()
	db, copies := filepath.Join(dir, "db"), map[string][]byte{}
	live := func(disk fs.FS, db string, n int) {
		l, err := logserver.Open(logserver.Options{Files: disk, DB: db, Segment: segment.MinSize})
		if err != nil {
			t.Fatal(err)
		}
		k := dial(t, serveLog(t, l))
		for i := range n {
			k.send(fmt.Sprintf(`{"id":"a","entry":{"pad":"%s%d"}}`+"\n", strings.Repeat("x", 3000), i))
			if r := k.receive(); r.Error != "" {
				t.Fatal(r)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	keep := func(name, path string) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copies[name] = content
	}
	live(disk, db, 30)
	keep("older", db)
	young := imageOf(t, disk)
	live(disk, db, 30)
	keep("its own", db)
	live(diskOf(t, young), filepath.Join(dir, "past"), 45)
	keep("another past's", filepath.Join(dir, "past"))
	live(fs.Memory(), filepath.Join(dir, "foreign"), 60)
	keep("foreign", filepath.Join(dir, "foreign"))
	copies["empty"], copies["garbage"] = nil, []byte(strings.Repeat("garbage\n", 10_000))
	for _, at := range []int{16, 4096 + 24, 2*4096 + 8, len(copies["its own"]) / 2} {
		content := append([]byte(nil), copies["its own"]...)
		content[at] ^= 0x41
		copies[fmt.Sprintf("flipped at %d", at)] = content
	}
	copies["cut"] = copies["its own"][:len(copies["its own"])/2]
	grown := imageOf(t, disk)
	for name, content := range copies {
		for age, image := range map[string]map[string][]byte{"grown": grown, "young": young} {
			if err := os.WriteFile(db, content, 0o600); err != nil {
				t.Fatal(err)
			}
			disk, entries := diskOf(t, image), 60
			if age == "young" {
				entries = 30
			}
			live(disk, db, 1)
			r, err := check.Data(check.Options{Files: disk, DB: db})
			if err != nil || r.Entries != uint64(entries)+1 || r.Rows != uint64(entries)+1 || len(r.Warnings) > 0 {
				t.Errorf("the index is %s, the data %s: %v, %+v", name, age, err, r)
			}
		}
	}
}
