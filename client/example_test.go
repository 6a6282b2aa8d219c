package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/logserver"
)

// serve runs a server in memory, for the examples.
func serve() (addr string, stop func()) {
	l, err := logserver.Open(logserver.Options{Blobs: logserver.InMemory})
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	s := logserver.NewServer(l, logserver.ServerOptions{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(listener)
	}()
	return listener.Addr().String(), func() {
		s.Shutdown(context.Background())
		<-done
		l.Close()
	}
}

func Example() {
	addr, stop := serve()
	defer stop()
	ctx := context.Background()

	c, err := client.New(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for _, name := range []string{"Ada", "Grace"} {
		index, err := c.AppendValue(ctx, map[string]string{"name": name})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("appended at", index)
	}
	for entry, err := range c.Read(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Index, string(entry.Data))
	}
	// Output:
	// appended at 1
	// appended at 2
	// 1 {"name":"Ada"}
	// 2 {"name":"Grace"}
}

// Thousands of appends on their way, whose outcomes are counted.
func ExampleClient_AppendAsync() {
	addr, stop := serve()
	defer stop()
	ctx := context.Background()
	c, err := client.New(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	appended, failed := 0, 0
	count := client.OnDone(func(index uint64, err error) {
		if err != nil {
			failed++
			return
		}
		appended++
	})
	for n := range 5000 {
		c.AppendAsync(ctx, fmt.Appendf(nil, `{"n":%d}`, n), count)
	}
	if err := c.Flush(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(appended, "appended,", failed, "failed")
	// Output: 5000 appended, 0 failed
}

// A key makes an append that is repeated, by whomever, have one effect; After
// appends only to what was read.
func ExampleClient_Append() {
	addr, stop := serve()
	defer stop()
	ctx := context.Background()
	c, err := client.New(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	for range 2 {
		index, err := c.Append(ctx, []byte(`{"order":17,"state":"paid"}`), client.Log("orders"), client.Key("17-paid"))
		fmt.Println(index, err)
	}
	_, err = c.Append(ctx, []byte(`{"order":17,"state":"void"}`), client.Log("orders"), client.After(0))
	var head *client.HeadError
	if errors.As(err, &head) {
		fmt.Println("the log has gone on to", head.Head)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
	// the log has gone on to 1
}

// A tail waits for what is appended; it goes on behind the last entry yielded
// when the server is away for a while.
func ExampleClient_Tail() {
	addr, stop := serve()
	defer stop()
	ctx := context.Background()
	c, err := client.New(addr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	if _, err := c.AppendBatch(ctx, [][]byte{[]byte(`{"n":1}`), []byte(`{"n":2}`)}); err != nil {
		log.Fatal(err)
	}

	for entry, err := range c.Tail(ctx, client.Last(1)) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.Index, string(entry.Data))
		if entry.Index == 3 {
			break
		}
		if _, err := c.Append(ctx, []byte(`{"n":3}`)); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 2 {"n":2}
	// 3 {"n":3}
}
