package peer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
)

// The kinds of messages of the tests here; their Bulk goes by them.
const (
	kindUrgent = 1
	kindBulk   = 2
)

func bulkByKind(kind byte, _ int) bool { return kind == kindBulk }

// entry is the n-th message of a lane: its number, and bytes that follow from it.
func entry(n uint64, size int) []byte {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+size), n)
	for len(b) < 8+size {
		b = append(b, byte(n)+byte(len(b)))
	}
	return b
}

// ledger judges what a node gets of one other: whatever comes, comes once and in order, unaltered.
type ledger struct {
	mu    sync.Mutex // guards the following
	last  [256]uint64
	count [256]uint64
	wrong []string
	news  *sync.Cond
}

func newLedger() *ledger {
	l := &ledger{}
	l.news = sync.NewCond(&l.mu)
	return l
}

func (l *ledger) handle(_ uint64, kind byte, payload []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.news.Broadcast()
	if len(payload) < 8 || !bytes.Equal(payload, entry(binary.LittleEndian.Uint64(payload), len(payload)-8)) {
		l.wrong = append(l.wrong, fmt.Sprintf("kind %d: altered", kind))
		return
	}
	n := binary.LittleEndian.Uint64(payload)
	if n <= l.last[kind] {
		l.wrong = append(l.wrong, fmt.Sprintf("kind %d: %d after %d", kind, n, l.last[kind]))
	}
	l.last[kind] = max(l.last[kind], n)
	l.count[kind]++
}

// until waits until a message of a kind has come.
func (l *ledger) until(kind byte, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.last[kind] < n {
		l.news.Wait()
	}
}

// check wants nothing wrong, and of n messages of each kind at most so many lost.
func (l *ledger) check(t *testing.T, who string, n, lost uint64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, what := range l.wrong[:min(5, len(l.wrong))] {
		t.Errorf("%s: %s", who, what)
	}
	if missing := 2*n - l.count[kindUrgent] - l.count[kindBulk]; missing > lost {
		t.Errorf("%s: %d messages are lost, %d were dropped", who, missing, lost)
	}
}

// startPair starts two nodes whose ledgers judge what comes. Each is dialed by way of a proxy, if it gets fates.
func startPair(t *testing.T, secure bool, change func(*Options), fates ...func() fate) (nodes []*node, ledgers []*ledger, proxies []*proxy) {
	var certs []*Certificates
	if secure {
		_, certs = certificates(t, "n1", "n2")
	}
	peers := map[uint64]Peer{}
	for i := range 2 {
		ledgers = append(ledgers, newLedger())
		n := startNode(t, uint64(i+1), func(o *Options) {
			o.Handle, o.Bulk = ledgers[i].handle, bulkByKind
			if secure {
				o.TLS = certs[i].Config()
			}
			if change != nil {
				change(o)
			}
		})
		nodes = append(nodes, n)
		p := n.peer()
		if fates[i] == nil {
			p.Address = ""
		} else {
			proxies = append(proxies, startProxy(t, n.address, fates[i]))
			p.Address = proxies[len(proxies)-1].address()
		}
		peers[n.Number] = p
	}
	for _, n := range nodes {
		n.SetPeers(peers)
	}
	return nodes, ledgers, proxies
}

// A connection that ends at any byte, there or back: everything arrives once, in order.
func TestTheLinkEndsAtEveryByte(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			step, most, want := int64(1), int64(800), 700 // what is said takes more, in each direction
			if secure {
				step, most, want = 31, 2500, 100
			}
			var mu sync.Mutex
			coming := spared
			fates := func() fate {
				mu.Lock()
				defer mu.Unlock()
				f := coming
				coming = spared
				return f
			}
			nodes, ledgers, proxies := startPair(t, secure, nil, nil, fates) // 1 dials 2
			cut := proxies[0]
			n := uint64(0)
			for _, back := range []bool{false, true} {
				for limit := int64(0); limit < most; limit += step {
					mu.Lock()
					coming = fate{there: limit, back: -1}
					if back {
						coming = fate{there: -1, back: limit}
					}
					mu.Unlock()
					cut.cut()
					n++
					for i, from := range nodes {
						from.Send(uint64(2-i), kindUrgent, entry(n, int(n%300)))
						from.Send(uint64(2-i), kindBulk, entry(n, int(n%500)))
					}
					for _, l := range ledgers {
						l.until(kindUrgent, n)
						l.until(kindBulk, n)
					}
				}
			}
			for i, l := range ledgers {
				l.check(t, nodes[i].Name, n, 0)
			}
			if cut.count() < want {
				t.Errorf("%d cuts, want %d", cut.count(), want)
			}
		})
	}
}

func (p *proxy) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.harmed
}

// seeds draws seeds; SEEDS says how many, SEED which one.
func seeds(t *testing.T, count int) (list []uint64) {
	if text := os.Getenv("SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return []uint64{seed}
	}
	if n, err := strconv.Atoi(os.Getenv("SEEDS")); err == nil {
		count = n
	}
	for range count {
		list = append(list, rand.Uint64())
	}
	return list
}

// Both dial, and connections are cut and stall at random: everything arrives once, in order; with bounds, everything
// but what was dropped.
func TestRoughNetwork(t *testing.T) {
	for _, bounded := range []bool{false, true} {
		for i, seed := range seeds(t, 2) {
			t.Run(fmt.Sprintf("bounded=%v/%d", bounded, seed), func(t *testing.T) {
				roughly(t, seed, bounded, i%2 == 0)
			})
		}
	}
}

func roughly(t *testing.T, seed uint64, bounded, secure bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	nodes, ledgers, proxies := startPair(t, secure, func(o *Options) {
		o.Silence = stalled
		if bounded {
			o.KeepFrames, o.KeepBytes = 100, 100_000
		} else {
			o.KeepFrames = 1 << 20
		}
	}, rough(r, 100_000), rough(rand.New(rand.NewPCG(seed, 2)), 100_000))
	const count = 3000
	send := func(from, to *node, r *rand.Rand) {
		for n := uint64(1); n <= count; n++ {
			sizes := []int{r.IntN(300), r.IntN(3000)}
			if n%100 == 0 {
				sizes = []int{r.IntN(50_000), r.IntN(200_000)}
			}
			from.Send(to.Number, kindUrgent, entry(n, sizes[0]))
			from.Send(to.Number, kindBulk, entry(n, sizes[1])[:8], entry(n, sizes[1])[8:])
		}
	}
	var senders sync.WaitGroup
	draws := []*rand.Rand{rand.New(rand.NewPCG(seed, 3)), rand.New(rand.NewPCG(seed, 4))}
	senders.Go(func() { send(nodes[0], nodes[1], draws[0]) })
	senders.Go(func() { send(nodes[1], nodes[0], draws[1]) })
	senders.Wait()
	for i, l := range ledgers {
		l.until(kindUrgent, count)
		l.until(kindBulk, count)
		from := nodes[1-i].Status()[0]
		l.check(t, nodes[i].Name, count, from.Dropped)
		if from.Dropped > 0 && !bounded {
			t.Errorf("%+v", from)
		}
	}
	if cuts := proxies[0].count() + proxies[1].count(); cuts == 0 && !bounded {
		t.Error("no connection was harmed")
	}
}
