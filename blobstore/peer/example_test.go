package peer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// A program that takes AllData's puts, and one that makes them.
func ExampleListenPut() {
	stored := map[string]string{}
	put := func(_ context.Context, key string, event []byte) error { // by one goroutine at a time, as MaxPuts is 1
		if key == "" {
			return fmt.Errorf("%w: want a key", peer.ErrRefused)
		}
		stored[key] = string(event) // once under its key, however often it comes
		return nil
	}
	server, err := peer.ListenPut("127.0.0.1:0", put, peer.PutOptions{MaxPuts: 1})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	client, err := peer.NewPutClient(server.Addr().String(), peer.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()
	fmt.Println(client.Put(ctx, "2026-11-20T10:00:00Z", []byte(`{"some":"event"}`)))
	fmt.Println(stored)
	fmt.Println("refused:", errors.Is(client.Put(ctx, "", []byte(`{}`)), peer.ErrRefused))
	// Output:
	// <nil>
	// map[2026-11-20T10:00:00Z:{"some":"event"}]
	// refused: true
}

// Two nodes that send messages to one another, and one call.
func ExampleLinks() {
	cluster := [16]byte{1}
	came := make(chan string, 1)
	start := func(number uint64, name string) (*peer.Links, string) {
		links := peer.New(peer.Options{
			Self: func() peer.Identity {
				return peer.Identity{Cluster: cluster, Node: [16]byte{byte(number)}, Number: number, Name: name}
			},
			Handle: func(from uint64, kind byte, payload []byte) { came <- fmt.Sprintf("%s from node %d", payload, from) },
			Serve: map[string]peer.Method{
				"who": func(_ context.Context, caller peer.Caller, _ []byte) ([]byte, error) {
					return fmt.Appendf(nil, "%s, says %s", caller.Name, name), nil
				},
			},
		})
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			log.Fatal(err)
		}
		go links.Run(listener) // until Close
		return links, listener.Addr().String()
	}
	ana, anaAt := start(1, "ana")
	defer ana.Close()
	bob, bobAt := start(2, "bob")
	defer bob.Close()
	ana.SetPeers(map[uint64]peer.Peer{2: {Address: bobAt, Name: "bob"}})
	bob.SetPeers(map[uint64]peer.Peer{1: {Address: anaAt, Name: "ana"}})

	ana.Send(2, 7, []byte("a message")) // kept until it was handed over
	fmt.Println(<-came)
	answer, err := bob.Call(context.Background(), anaAt, "who", nil)
	fmt.Printf("%s, %v\n", answer, err)
	// Output:
	// a message from node 1
	// bob, says ana, <nil>
}
