package main

import (
	"bufio"
	"bytes"
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
	// reconnectFor is how long a command that has begun waits for a server that went away: long
	// enough for a restart.
	reconnectFor = time.Minute
	maxKept      = 1000 // appends kept meanwhile

	firstPause, longestPause = 100 * time.Millisecond, time.Second // between attempts to be let in
)

// target is which log of which server a command is about.
type target struct {
	addr, log string
	credentials
}

func (t *target) addAddr(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.addr, "addr", defaultAddr(), "the server's `HOST:PORT`, with tls:// before it for TLS (RINGLOG_ADDR; or else HOST and PORT)")
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

// connect makes a client of a server that must be there now.
func (t *target) connect(ctx context.Context, options ...client.Option) (*client.Client, error) {
	if err := t.load(); err != nil {
		return nil, err
	}
	if err := t.knock(ctx); err != nil {
		return nil, withCode(exitConnect, err)
	}
	watch := &reconnecting{addr: t.addr, out: os.Stderr}
	options = append(t.options(), options...)
	options = append([]client.Option{client.Keep(maxKept, reconnectFor), client.OnConnection(watch.changed)}, options...)
	c, err := client.New(t.addr, options...)
	return c, clientError(err)
}

// ask is connect for commands that ask once: they don't wait out a restart.
func (t *target) ask(ctx context.Context) (*client.Client, error) {
	return t.connect(ctx, client.Keep(maxKept, connectTimeout), client.OnConnection(func(error) {}))
}

var errClosesAtOnce = errors.New("it closes connections at once")

const otherServer = "name another server by --addr or RINGLOG_ADDR"

// knock looks whether there is a Ringlog that answers. One that closes the connection may only have no
// room for a moment, and is asked a few times.
func (t *target) knock(ctx context.Context) error {
	for pause := firstPause; ; pause *= 2 {
		err := t.exchange(ctx)
		if !errors.Is(err, errClosesAtOnce) {
			return err
		}
		if pause > longestPause {
			return fmt.Errorf("no answer from %s: %w: it has as many as it may (MAX_CONNS; its log says so then), is stopping, "+
				"or is no Ringlog; end other clients, raise MAX_CONNS, try again later, or %s", t.addr, err, otherServer)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// exchange asks for a head on a connection of its own.
func (t *target) exchange(ctx context.Context) error {
	conn, err := t.dial(ctx, t.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(connectTimeout))
	if _, err := conn.Write([]byte(`{"head":true}` + "\n")); err != nil {
		return errClosesAtOnce
	}
	line, err := bufio.NewReader(conn).ReadSlice('\n')
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("no answer from %s within %v: it is overloaded, or no Ringlog; try again later, or %s", t.addr, connectTimeout, otherServer)
	case len(line) == 0:
		return errClosesAtOnce
	case !bytes.HasPrefix(line, []byte("{")):
		return fmt.Errorf("%s is no Ringlog, its answer is %.40q; %s", t.addr, line, otherServer)
	}
	return refusedAtOnce(line)
}

// clientError gives an error of the client its exit code.
func clientError(err error) error {
	switch {
	case errors.Is(err, client.ErrDisconnected):
		return withCode(exitConnect, err)
	case errors.Is(err, client.ErrInvalid):
		return withCode(exitUsage, err)
	}
	return err
}
