package cluster_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// listen takes a free port of this machine.
func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return l
}

// open opens a node that keeps everything in memory and has no certificate, for the examples.
func open(o cluster.Options) *cluster.Node {
	o.Log = logserver.Options{Blobs: logserver.InMemory}
	n, err := cluster.Open(o)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

// eventually waits for a state of a node by the events that tell of it.
func eventually(n *cluster.Node, so func(cluster.Status) bool) {
	reached := make(chan struct{}, 1)
	n.Watch(func(_, now cluster.Status) {
		if so(now) {
			select {
			case reached <- struct{}{}:
			default:
			}
		}
	})
	if !so(n.Status()) {
		<-reached
	}
}

func joined(st cluster.Status) bool { return st.State == cluster.Joined }

// Two nodes of one log inside of a program, and a client of both.
func Example() {
	ports, clients := []net.Listener{listen(), listen()}, []net.Listener{listen(), listen()}
	var addresses []string
	for i, name := range []string{"ana", "bob"} {
		o := cluster.Options{Name: name, Listener: ports[i], Clients: clients[i].Addr().String(), Metadata: map[string]string{"rack": fmt.Sprint(i)}}
		if i > 0 {
			o.Peers = []string{ports[0].Addr().String()} // one that is up is enough
		}
		node := open(o)
		defer node.Close()
		server := logserver.NewServer(node.Log(), logserver.ServerOptions{Members: node.Clients})
		go server.Serve(clients[i])
		defer server.Shutdown(context.Background())
		addresses = append(addresses, clients[i].Addr().String())
		if i > 0 {
			eventually(node, joined)
			for _, m := range node.Status().Members {
				fmt.Println(m.Number, m.Name, m.Metadata["rack"], m.Connected)
			}
		}
	}

	ctx := context.Background()
	c, err := client.New(addresses[1], client.Others(addresses[0]))
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	index, err := c.Append(ctx, []byte(`{"appended":"at bob"}`))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("index", index)
	// Output:
	// 1 ana 0 true
	// 2 bob 1 true
	// index 1
}

// What a program registers, other nodes call by its name.
func ExampleNode_Act() {
	port := listen()
	ana := open(cluster.Options{Name: "ana", Listener: port, Actions: map[string]cluster.Action{
		"greet": func(_ context.Context, from cluster.About, payload []byte) ([]byte, error) {
			if len(payload) == 0 {
				return nil, &peer.Error{Code: "nobody", Text: "want a name"}
			}
			return fmt.Appendf(nil, "hello %s, says ana to %s", payload, from.Name), nil
		},
	}})
	defer ana.Close()
	bob := open(cluster.Options{Name: "bob", Listener: listen(), Peers: []string{port.Addr().String()}})
	defer bob.Close()
	eventually(bob, joined)
	eventually(ana, joined)

	ctx := context.Background()
	answer, err := bob.Act(ctx, ana.Status().Number, "greet", []byte("world"))
	fmt.Printf("%s, %v\n", answer, err)
	_, err = bob.Act(ctx, ana.Status().Number, "greet", nil)
	fmt.Println(peer.Code(err)+":", err)
	_, err = ana.Act(ctx, bob.Status().Number, "greet", []byte("world")) // bob has registered nothing
	fmt.Println(peer.Code(err) + ".")
	// Output:
	// hello world, says ana to bob, <nil>
	// nobody: want a name
	// unknown.
}

// What the links and the cluster come to is told as it happens; the ring says who answers for a value.
func ExampleNode_Watch() {
	initialized := make(chan peer.Event, 16)
	port := listen()
	ana := open(cluster.Options{
		Name: "ana", Listener: port, Zone: "north",
		Housekeeping: 100 * time.Millisecond,
		Links:        peer.Options{MaxPeers: 16, KeepBytes: 1 << 20, Silence: 2 * time.Second},
		Hooks:        peer.Hooks{Initialized: func(e peer.Event) { initialized <- e }},
	})
	defer ana.Close()
	fmt.Println(ana.Status().State)
	left := make(chan cluster.Status, 16)
	ana.Watch(func(before, now cluster.Status) {
		if before.State == cluster.Lonely && now.State != cluster.Lonely {
			left <- now
		}
	})
	bob := open(cluster.Options{Name: "bob", Listener: listen(), Zone: "south", Peers: []string{port.Addr().String()}})
	defer bob.Close()
	fmt.Println("a link to node", (<-initialized).Peer)
	fmt.Println("members:", len((<-left).Members))
	eventually(ana, joined)

	st := ana.Status()
	fmt.Println("successor", st.Successor, "predecessor", st.Predecessor, "in", st.Members[1].Zone)
	owners, err := ana.Owners("some value")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(owners), "owners; this node is the first:", ana.Owns("some value") == (owners[0].Number == st.Number))
	fmt.Println(len(ana.Known()), "other node is known")
	// Output:
	// lonely
	// a link to node 2
	// members: 2
	// successor 2 predecessor 2 in south
	// 2 owners; this node is the first: true
	// 1 other node is known
}
