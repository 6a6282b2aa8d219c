package logserver_test

import (
	"bufio"
	"context"
	"fmt"
	"net"

	"github.com/ringlog/ringlog/logserver"
)

func Example() {
	l, err := logserver.Open(logserver.Options{Blobs: logserver.InMemory})
	if err != nil {
		panic(err)
	}
	defer l.Close()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := logserver.NewServer(l, logserver.ServerOptions{})
	go s.Serve(listener)
	defer s.Shutdown(context.Background())

	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprintln(conn, `{"id":"first","entry":{"hello":"world"}}`)
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(answer)
	// Output: {"id":"first","index":1}
}
