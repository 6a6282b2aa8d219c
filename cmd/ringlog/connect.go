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
	defaultAddr    = "127.0.0.1:8089"
	connectTimeout = 5 * time.Second
	// reconnectFor is how long a command that has begun waits for a server that went away: long
	// enough for a restart.
	reconnectFor = time.Minute
	maxKept      = 1000 // appends kept meanwhile
)

// target is which log of which server a command is about.
type target struct {
	addr, log string
}

func (t *target) addAddr(cmd *cobra.Command) {
	addr := os.Getenv("RINGLOG_ADDR")
	if addr == "" {
		addr = defaultAddr
	}
	cmd.Flags().StringVar(&t.addr, "addr", addr, "the server's `HOST:PORT` (RINGLOG_ADDR)")
}

func (t *target) addFlags(cmd *cobra.Command) {
	t.addAddr(cmd)
	cmd.Flags().StringVar(&t.log, "log", "main", "`NAME` of the log")
}

// connect makes a client of a server that must be there now.
func (t *target) connect(ctx context.Context, options ...client.Option) (*client.Client, error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, withCode(exitConnect, fmt.Errorf("can't connect: %w; start a server there, or name another by --addr or RINGLOG_ADDR", err))
	}
	conn.Close()
	options = append([]client.Option{client.Keep(maxKept, reconnectFor)}, options...)
	c, err := client.New(t.addr, options...)
	return c, clientError(err)
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
