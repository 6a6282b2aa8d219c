package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/client"
)

const (
	connectTimeout = 5 * time.Second
	connectAmong   = 2 * time.Second // where there are other addresses to try
	// answerTimeout is more than a node without a quorum waits for one, so that it can say so.
	answerTimeout = 8 * time.Second
	// reconnectFor is how long a command that has begun waits for a server that went away: long
	// enough for a restart.
	reconnectFor = time.Minute
	maxKept      = 1000 // appends kept meanwhile

	firstPause, longestPause = 100 * time.Millisecond, time.Second // between attempts to be let in
)

// target is which log of which server a command is about.
type target struct {
	addr string // of one server, or of several members of a cluster with commas between them
	log  string
	credentials
}

func (t *target) addAddr(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.addr, "addr", defaultAddr(), "the server's `HOST:PORT`, or those of several members with commas between them, with tls:// before it for TLS (RINGLOG_ADDR; or else HOST and PORT)")
	t.credentials.addFlags(cmd)
}

func (t *target) addFlags(cmd *cobra.Command) {
	t.addAddr(cmd)
	cmd.Flags().StringVar(&t.log, "log", "main", "`NAME` of the log")
}

// defaultAddr is RINGLOG_ADDR, or else where a server with the same environment serves.
func defaultAddr() string {
	if addr := os.Getenv("RINGLOG_ADDR"); addr != "" {
		return addr
	}
	value := make(map[string]string)
	for _, v := range variables(&Config{}) {
		value[v.name] = v.shown()
	}
	host := value["HOST"]
	switch ip := net.ParseIP(host); {
	case ip == nil || !ip.IsUnspecified():
	case ip.To4() != nil:
		host = "127.0.0.1" // one of all that it serves on
	default:
		host = "::1"
	}
	return net.JoinHostPort(host, value["PORT"])
}

// connect makes a client of a server that must be there now, or one of several.
func (t *target) connect(ctx context.Context, options ...client.Option) (*client.Client, error) {
	addrs, err := t.knock(ctx)
	if err != nil {
		return nil, err
	}
	watch := newReconnecting()
	options = append(t.options(), options...)
	options = append([]client.Option{
		client.Others(addrs[1:]...), client.Keep(maxKept, reconnectFor), client.OnEvents(watch.hooks()),
	}, options...)
	c, err := client.New(addrs[0], options...)
	return c, clientError(err)
}

// ask is connect for commands that ask once: they don't wait out a restart.
func (t *target) ask(ctx context.Context) (*client.Client, error) {
	return t.connect(ctx, client.Keep(maxKept, connectTimeout), client.OnEvents(client.Hooks{}))
}

const otherServer = "name another server by --addr or RINGLOG_ADDR"

// clientError gives an error of the client its exit code.
func clientError(err error) error {
	switch {
	case errors.Is(err, client.ErrNoQuorum):
		return withCode(exitConnect, fmt.Errorf("%w; `ringlog cluster status` tells which are up", err))
	case errors.Is(err, client.ErrDisconnected):
		return withCode(exitConnect, err)
	case errors.Is(err, client.ErrInvalid):
		return withCode(exitUsage, err)
	}
	return err
}
