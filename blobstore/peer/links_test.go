package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

var cluster = [16]byte{1, 2, 3}

// node is a node of a test: Links that listen, and what they were told.
type node struct {
	t testing.TB
	*Links
	Identity
	address string

	mu   sync.Mutex // guards the following
	got  []arrival
	news chan struct{} // closed when there is more
}

type arrival struct {
	from    uint64
	kind    byte
	payload string
}

// startNode starts a node with a name after its number. change may change its options.
func startNode(t testing.TB, number uint64, change func(*Options)) *node {
	t.Helper()
	n := &node{t: t, news: make(chan struct{})}
	n.Identity = Identity{Cluster: cluster, Node: [16]byte{byte(number)}, Number: number, Name: fmt.Sprintf("n%d", number), Incarnation: 1}
	options := Options{
		Handle:    n.handle,
		Heartbeat: 20 * time.Millisecond, BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond,
		Silence: patience, KeepAge: patience,
	}
	options.Self = func() Identity { return n.Identity }
	if change != nil {
		change(&options)
	}
	n.Links = New(options)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.address = listener.Addr().String()
	ran := make(chan error, 1)
	go func() { ran <- n.Run(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(n.Close(), <-ran); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) handle(from uint64, kind byte, payload []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got = append(n.got, arrival{from, kind, string(payload)})
	close(n.news)
	n.news = make(chan struct{})
}

// arrived waits until so many messages have come, and returns them.
func (n *node) arrived(count int) []arrival {
	n.t.Helper()
	guard := time.After(patience)
	for {
		n.mu.Lock()
		got, news := n.got, n.news
		n.mu.Unlock()
		if len(got) >= count {
			return got
		}
		select {
		case <-news:
		case <-guard:
			n.t.Fatalf("%d of %d messages came; %+v", len(got), count, n.Status())
		}
	}
}

func (n *node) peer() Peer { return Peer{Address: n.address, Node: n.Node, Name: n.Name} }

// introduce makes nodes one another's peers.
func introduce(nodes ...*node) {
	peers := make(map[uint64]Peer)
	for _, n := range nodes {
		peers[n.Number] = n.peer()
	}
	for _, n := range nodes {
		n.SetPeers(peers)
	}
}

// await waits until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

func connected(n *node) int {
	count := 0
	for _, s := range n.Status() {
		if s.Connected {
			count++
		}
	}
	return count
}

// certificates makes a CA and nodes' certificates in a new directory, and loads them.
func certificates(t testing.TB, names ...string) (dir string, all []*Certificates) {
	t.Helper()
	dir = t.TempDir()
	if err := MakeCA(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := MakeNode(dir, name, "127.0.0.1"); err != nil {
			t.Fatal(err)
		}
		c, err := LoadCertificates(dir+"/"+name+CertSuffix, dir+"/"+name+KeySuffix, dir+"/"+CAFile)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return dir, all
}

// threeNodes starts three nodes that are one another's peers.
func threeNodes(t *testing.T, secure bool) []*node {
	t.Helper()
	var certs []*Certificates
	if secure {
		_, certs = certificates(t, "n1", "n2", "n3")
	}
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, startNode(t, uint64(i+1), func(o *Options) {
			if secure {
				o.TLS = certs[i].Config()
			}
		}))
	}
	introduce(nodes...)
	return nodes
}

func TestMessagesArriveInOrder(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			nodes := threeNodes(t, secure)
			const count = 1000
			for i := range count {
				for _, from := range nodes {
					for _, to := range nodes {
						from.Send(to.Number, byte(i), fmt.Appendf(nil, "%d ", i), []byte("to "), fmt.Append(nil, to.Number))
					}
				}
			}
			for _, to := range nodes {
				next := map[uint64]int{}
				for _, a := range to.arrived(2 * count) {
					i := next[a.from]
					next[a.from]++
					if want := fmt.Sprintf("%d to %d", i, to.Number); a.payload != want || a.kind != byte(i) || a.from == to.Number {
						t.Fatalf("%d got %+v, want %s", to.Number, a, want)
					}
				}
				await(t, "two links", func() bool { return connected(to) == 2 })
			}
			for _, n := range nodes {
				await(t, "acknowledged", func() bool {
					queued := 0
					for _, s := range n.Status() {
						queued += s.Queued
					}
					return queued == 0
				})
				for _, s := range n.Status() {
					if s.Acknowledged != count || s.Dropped != 0 {
						t.Errorf("%+v", s)
					}
				}
			}
		})
	}
}

// Long messages arrive whole, and short ones pass them by.
func TestLongMessages(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			nodes := threeNodes(t, secure)
			a, b := nodes[0], nodes[1]
			long := make([]byte, 16<<20)
			for i := 0; i < len(long); i += 8 {
				binary.LittleEndian.PutUint64(long[i:], uint64(i)*0x9e3779b97f4a7c15)
			}
			for _, size := range []int{0, 1, copied - 1, copied, copied + 1, 32 << 10, 32<<10 + 1, piece, piece + 1, 1 << 20, len(long)} {
				a.Send(2, 1, long[:size/3], nil, long[size/3:size])
			}
			got := b.arrived(11)
			sizes := map[int]bool{}
			for _, m := range got {
				sizes[len(m.payload)] = true
				if m.payload != string(long[:len(m.payload)]) {
					t.Errorf("a message of %d bytes was altered", len(m.payload))
				}
			}
			if len(sizes) != 11 {
				t.Errorf("%v", sizes)
			}
			a.Send(2, 1, make([]byte, DefaultOptions.MaxFrame+1))
			if s := a.Status()[0]; s.Dropped != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestCall(t *testing.T) {
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("secure=%v", secure), func(t *testing.T) {
			var certs []*Certificates
			config := func(i int) func(*Options) { return func(*Options) {} }
			if secure {
				_, certs = certificates(t, "n1", "n2", "n9")
				config = func(i int) func(*Options) { return func(o *Options) { o.TLS = certs[i].Config() } }
			}
			serving := startNode(t, 1, func(o *Options) {
				config(0)(o)
				o.Serve = map[string]Method{
					"echo": func(_ context.Context, c Caller, request []byte) ([]byte, error) {
						return fmt.Appendf(nil, "%s %d %v %s", c.Name, c.Number, c.Member, request), nil
					},
					"fail":   func(context.Context, Caller, []byte) ([]byte, error) { return nil, errors.New("no disk") },
					"refuse": func(context.Context, Caller, []byte) ([]byte, error) { return nil, &Error{"mine", "not you"} },
				}
			})
			member := startNode(t, 2, config(1))
			introduce(serving, member)
			stranger := startNode(t, 9, config(2))
			stranger.Identity = Identity{Name: "n9"}
			for n, want := range map[*node]string{member: "n2 2 true hello", stranger: "n9 0 false hello"} {
				got, err := n.Call(t.Context(), serving.address, "echo", []byte("hello"))
				if err != nil || string(got) != want {
					t.Errorf("%q, %v; want %q", got, err, want)
				}
				for method, want := range map[string]string{"fail": CodeFailed + " no disk", "refuse": "mine not you", "none": CodeUnknown + " there is no method"} {
					_, err := n.Call(t.Context(), serving.address, method, nil)
					if err == nil || !strings.HasPrefix(Code(err)+" "+err.Error(), want) {
						t.Errorf("%s: %v", method, err)
					}
				}
			}
			long := bytes.Repeat([]byte("x"), 16<<20)
			if got, err := member.Call(t.Context(), serving.address, "echo", long); err != nil || !bytes.HasSuffix(got, long) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

// A peer that starts anew gets what is sent from then on, and what its old self did not acknowledge.
func TestAPeerStartsAnew(t *testing.T) {
	a := startNode(t, 1, nil)
	b := startNode(t, 2, nil)
	introduce(a, b)
	a.Send(2, 1, []byte("first"))
	b.arrived(1)
	await(t, "acknowledged", func() bool { return a.Status()[0].Queued == 0 })
	b.Close()
	a.Send(2, 1, []byte("second"))
	again := startNode(t, 2, nil)
	again.Incarnation = 2
	introduce(a, again)
	a.Send(2, 1, []byte("third"))
	got := again.arrived(2)
	if got[0].payload != "second" || got[1].payload != "third" {
		t.Errorf("%+v", got)
	}
	again.Send(1, 1, []byte("answer"))
	if got := a.arrived(1); got[0].payload != "answer" {
		t.Errorf("%+v", got)
	}
}

func TestPeersThatAreGone(t *testing.T) {
	nodes := threeNodes(t, false)
	for _, n := range nodes {
		await(t, "connected", func() bool { return connected(n) == 2 })
	}
	nodes[0].SetPeers(map[uint64]Peer{2: nodes[1].peer()})
	if s := nodes[0].Status(); len(s) != 1 || s[0].Peer != 2 {
		t.Errorf("%+v", s)
	}
	nodes[0].Send(3, 1, []byte("nobody"))
	nodes[0].Send(2, 1, []byte("x"))
	nodes[1].arrived(1)
	await(t, "3 is refused", func() bool {
		s := nodes[2].Status()[0]
		return !s.Connected && strings.Contains(s.LastError, "no member")
	})
}
