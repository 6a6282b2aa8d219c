package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// TLS has every connection made with TLS, as config says: whom to trust, and the
// certificate to show; nil is an empty one, which trusts whom the system does.
// Where config has no ServerName, a server must be the host of its address.
func TLS(config *tls.Config) Option {
	return func(o *options) {
		if config == nil {
			config = &tls.Config{}
		}
		o.tls = config
	}
}

// sealed makes of a dial one that shakes hands as well.
func (o *options) sealed(dial dialFunc) dialFunc {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		config := o.tls
		if config.ServerName == "" {
			config = config.Clone()
			config.ServerName, _, _ = net.SplitHostPort(addr)
		}
		inside := tls.Client(conn, config)
		if err := inside.HandshakeContext(ctx); err != nil {
			conn.Close()
			var header tls.RecordHeaderError
			if errors.As(err, &header) {
				return nil, ErrNoTLS
			}
			return nil, fmt.Errorf("TLS: %w", err)
		}
		return inside, nil
	}
}

type dialFunc = func(ctx context.Context, addr string) (net.Conn, error)
