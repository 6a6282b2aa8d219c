package peer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkMessages: how many messages a link carries in one direction.
func BenchmarkMessages(b *testing.B) {
	for _, secure := range []bool{false, true} {
		for _, size := range []int{200, 2 << 10, 64 << 10, 1 << 20} {
			b.Run(fmt.Sprintf("secure=%v/%d", secure, size), func(b *testing.B) { benchmarkMessages(b, secure, size) })
		}
	}
}

func benchmarkMessages(b *testing.B, secure bool, size int) {
	from, to, came := pairForBenchmark(b, secure)
	payload := make([]byte, size)
	window := int64(max(4, min(8192, 16<<20/size)))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := int64(0); b.Loop(); i++ {
		for i-came.Load() >= window {
			time.Sleep(10 * time.Microsecond)
		}
		from.Send(to.Number, 1, payload)
	}
	for came.Load() < int64(b.N) {
		time.Sleep(10 * time.Microsecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

func pairForBenchmark(b *testing.B, secure bool) (from, to *node, came *atomic.Int64) {
	b.Helper()
	came = new(atomic.Int64)
	var certs []*Certificates
	if secure {
		_, certs = certificates(b, "n1", "n2")
	}
	nodes := make([]*node, 2)
	for i := range nodes {
		nodes[i] = startNode(b, uint64(i+1), func(o *Options) {
			o.Handle = func(uint64, byte, []byte) { came.Add(1) }
			o.Heartbeat = 500 * time.Millisecond
			if secure {
				o.TLS = certs[i].Config()
			}
		})
	}
	introduce(nodes...)
	await(b, "connected", func() bool { return connected(nodes[0]) == 1 })
	return nodes[0], nodes[1], came
}

// BenchmarkRoundTrip: a message there, and one back.
func BenchmarkRoundTrip(b *testing.B) {
	for _, secure := range []bool{false, true} {
		b.Run(fmt.Sprintf("secure=%v", secure), func(b *testing.B) {
			from, to, _ := pairForBenchmark(b, secure)
			back := make(chan struct{}, 1)
			to.options.Handle = func(n uint64, kind byte, p []byte) { to.Send(n, kind, p) }
			from.options.Handle = func(uint64, byte, []byte) { back <- struct{}{} }
			payload := make([]byte, 200)
			b.ReportAllocs()
			for b.Loop() {
				from.Send(2, 1, payload)
				<-back
			}
		})
	}
}

// BenchmarkRoundTripBesideBulk: the same, while bulk goes there as fast as it can.
func BenchmarkRoundTripBesideBulk(b *testing.B) {
	for _, secure := range []bool{false, true} {
		b.Run(fmt.Sprintf("secure=%v", secure), func(b *testing.B) {
			from, to, _ := pairForBenchmark(b, secure)
			back := make(chan struct{}, 1)
			var under atomic.Int64
			to.options.Handle = func(n uint64, kind byte, p []byte) {
				if len(p) < 1000 {
					to.Send(n, kind, p)
				} else {
					under.Add(-1)
				}
			}
			from.options.Handle = func(uint64, byte, []byte) { back <- struct{}{} }
			stop := make(chan struct{})
			var filling sync.WaitGroup
			filling.Go(func() {
				long := make([]byte, 1<<20)
				for {
					select {
					case <-stop:
						return
					default:
					}
					if under.Load() < 16 {
						under.Add(1)
						from.Send(2, 2, long)
					} else {
						time.Sleep(100 * time.Microsecond)
					}
				}
			})
			payload := make([]byte, 200)
			var slowest time.Duration
			for b.Loop() {
				began := time.Now()
				from.Send(2, 1, payload)
				<-back
				slowest = max(slowest, time.Since(began))
			}
			b.ReportMetric(float64(slowest.Microseconds()), "slowest-µs")
			close(stop)
			filling.Wait()
		})
	}
}
