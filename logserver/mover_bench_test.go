package logserver

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
)

// BenchmarkRepair tells how quickly a node's content is put right by another's, and how quickly
// content comes that a node hasn't got, at full speed: three or four nodes of this process, on real files.
func BenchmarkRepair(b *testing.B) {
	for _, size := range []int{16 << 10, 64 << 10} {
		b.Run(fmt.Sprintf("mended/batch=%d", size), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				n := newMovers(b, size)
				places := n.all(3)
				for _, p := range places {
					flipIn(b, n.disks[3], p)
				}
				v := n.logs[3].member.mover
				b.StartTimer()
				for _, p := range places {
					v.repair(p)
				}
				n.until(func(r Repairs) bool { return r.Damaged == 0 }, 3)
				if r, _ := n.logs[3].Repairs(); int(r.Mended) != len(places) || len(places) == 0 {
					b.Fatalf("%d of %d were mended: %+v", r.Mended, len(places), r)
				}
				b.StopTimer()
				n.close()
				b.StartTimer()
			}
			b.SetBytes(benchBytes)
		})
		b.Run(fmt.Sprintf("fetched/batch=%d", size), func(b *testing.B) {
			bytes := uint64(0)
			for b.Loop() {
				b.StopTimer()
				n := newMovers(b, size)
				v := n.logs[4].member.mover
				n.owning = true
				b.StartTimer()
				v.lookAtAll()
				n.until(func(Repairs) bool { return away(b, n.logs[4]) == 0 }, 4)
				b.StopTimer()
				r, _ := n.logs[4].Repairs()
				bytes += r.Bytes // what didn't come with the order
				n.close()
				b.StartTimer()
			}
			b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
		})
	}
}

// benchBytes is how much content there is.
const benchBytes = 64 << 20

// movers is three nodes with much content, and a fourth that is told when to own it.
type movers struct {
	*lan
	b      *testing.B
	logs   map[uint64]*Log
	disks  map[uint64]fs.FS
	owning bool
}

func newMovers(b *testing.B, size int) *movers {
	n := &movers{newLAN(b), b, map[uint64]*Log{}, map[uint64]fs.FS{}, false}
	start := func(id uint64) {
		dir := b.TempDir()
		disk, err := fs.Dir(filepath.Join(dir, "blobs"))
		if err != nil {
			b.Fatal(err)
		}
		n.disks[id] = disk
		n.logs[id] = n.startWith(b, id, disk, filepath.Join(dir, "db"), func(o *Options) {
			o.Segment, o.ScrubRate = 256<<20, -1
			o.Settings = map[string]string{order.SettingReplicas: "2"}
			o.Member.MoveRate, o.Member.MoveAfter = 1<<40, time.Hour
			if id == 4 {
				o.Member.owns = func(blobstore.Digest) bool { return n.owning }
			}
		})
	}
	start(1)
	until(b, "the founder to serve", func() bool { return n.voters(n.logs[1]) == 1 })
	for id := uint64(2); id <= 3; id++ {
		start(id)
		n.admit(b, id)
	}
	until(b, "three to vote", func() bool { return n.voters(n.logs[1]) == 3 })
	w := n.logs[1].NewWriter("main")
	defer w.Close()
	pad := strings.Repeat("x", min(size, 1<<10)-40)
	for i := 0; i < benchBytes; {
		for batch := 0; batch < size; batch += len(pad) + 40 {
			w.Add(fmt.Appendf(nil, `{"n":%9d,"pad":"%s"}`, i+batch, pad))
		}
		w.Submit(Conditions{})
		if _, err := w.Wait(); err != nil {
			b.Fatal(err)
		}
		i += size
	}
	start(4)
	n.admit(b, 4)
	for _, l := range n.logs {
		until(b, "a node to be up to date", func() bool { return l.Newest(b.Context()) == nil })
	}
	return n
}

// all returns where all of a node's content is.
func (n *movers) all(id uint64) (places []blobstore.Place) {
	topic, _ := n.logs[id].hub.Lookup([]byte("main"))
	rows, err := n.logs[id].index.Range(topic.ID(), 1, nil, 1<<20)
	if err != nil {
		n.b.Fatal(err)
	}
	for i := range rows {
		if !rows[i].Place.IsAway() {
			places = append(places, rows[i].Place)
		}
	}
	return places
}

func (n *movers) until(so func(Repairs) bool, id uint64) {
	until(n.b, "the mover", func() bool { r, _ := n.logs[id].Repairs(); return so(r) })
}

func (n *movers) close() {
	for _, l := range n.logs {
		if err := l.Close(); err != nil {
			n.b.Error(err)
		}
	}
}
