package index

import (
	"path/filepath"
	"testing"
)

const benchRows = 100_000

// fill adds benchRows rows, a row a log in turn.
func fill(x *Index, logs uint32, from uint64) {
	var rows [1]Row
	for n := range uint64(benchRows) {
		rows[0] = simpleRow(1+uint32(n)%logs, from+n/uint64(logs))
		x.Add(from+n+1, rows[:])
	}
}

func BenchmarkAdd(b *testing.B) {
	x := mustOpen(b, "", Options{})
	b.ReportAllocs()
	var rows [1]Row
	for n := uint64(0); b.Loop(); n++ {
		rows[0] = simpleRow(1+uint32(n)%16, n/16)
		x.Add(n+1, rows[:])
	}
}

func BenchmarkRange(b *testing.B) {
	for _, where := range []string{"memory", "file"} {
		for _, n := range []int{1, 256} {
			b.Run(where+"/"+map[int]string{1: "1 row", 256: "256 rows"}[n], func(b *testing.B) {
				x := mustOpen(b, filepath.Join(b.TempDir(), "index.db"), Options{})
				fill(x, 1, 0)
				if where == "file" {
					if err := x.Flush(checkpoint(benchRows)); err != nil {
						b.Fatal(err)
					}
				}
				dst := make([]Row, 0, n)
				b.ReportAllocs()
				for i := uint64(0); b.Loop(); i += 997 {
					got, err := x.Range(1, i%(benchRows-256)*3+1, dst, n)
					if len(got) != n || err != nil {
						b.Fatal(len(got), err)
					}
				}
			})
		}
	}
}

func BenchmarkFlush100k(b *testing.B) {
	for _, logs := range []uint32{1, 1000} {
		b.Run(map[uint32]string{1: "1 log", 1000: "1000 logs"}[logs], func(b *testing.B) {
			x := mustOpen(b, filepath.Join(b.TempDir(), "index.db"), Options{})
			var rows uint64
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				fill(x, logs, rows/uint64(logs))
				rows += benchRows
				b.StartTimer()
				if err := x.Flush(checkpoint(rows)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// Opening is what a start waits for: 1 M rows are within what is checked whole.
func BenchmarkOpen1M(b *testing.B) {
	path := filepath.Join(b.TempDir(), "index.db")
	x := mustOpen(b, path, Options{})
	for i := range uint64(10) {
		fill(x, 1, i*benchRows)
	}
	if err := x.Flush(checkpoint(10 * benchRows)); err != nil {
		b.Fatal(err)
	}
	if err := x.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		x, err := Open(path, Options{})
		if err != nil || x.Rebuilt() != "" {
			b.Fatal(err, x.Rebuilt())
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
