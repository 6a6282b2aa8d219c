package logserver

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
)

// fates notes what an appender is told, in that order.
type fates []string

func (f *fates) resolve(o *order.Outcome) {
	for i := range uint64(o.Appends) {
		*f = append(*f, fmt.Sprint(o.First+i*uint64(o.Entries)))
	}
}

func (f *fates) fail(n int, reason string) {
	for range n {
		*f = append(*f, reason)
	}
}

func (f *fates) flush() {}

// What is not taken any more is told after what was taken before: an appender
// knows its appends by their order alone.
func TestRefusedBehindWhatIsStillUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, hang := fs.Memory(), make(chan struct{})
		var hanging atomic.Bool
		disk.SetHook(func(op fs.Op) error {
			if hanging.Load() && op.Kind == fs.OpSync {
				<-hang
			}
			return nil
		})
		l, err := Open(Options{Files: disk})
		if err != nil {
			t.Fatal(err)
		}
		one := func(who appender) {
			text := []byte(`{}`)
			l.submit(who, []submission{{
				Append: order.Append{Entries: 1}, entries: []entry{{text, blobstore.Sum(text)}}, size: len(text),
			}})
		}
		var told, other fates
		hanging.Store(true)
		go one(&other) // commits, and hangs
		synctest.Wait()
		one(&told) // gathers behind it
		go l.Close()
		synctest.Wait()
		go one(&told) // too late
		synctest.Wait()
		if len(told) > 0 {
			t.Errorf("told %q before anything was decided", told)
		}
		hanging.Store(false)
		close(hang)
		synctest.Wait()
		if want := (fates{"2", "shutting down"}); !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
		mustCheck(t, disk, "")
	})
}
