package client_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
)

// secured is a server with certificates and the token "right", and what it trusts.
// Clients are told that it is at the other hosts as well.
func secured(t *testing.T, clientCA bool, others ...string) (addr string, ca *accesstest.CA) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	var members []string
	for _, host := range others {
		members = append(members, net.JoinHostPort(host, port))
	}
	ca, dir := accesstest.NewCA(t), t.TempDir()
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	files := access.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	o := logserver.ServerOptions{Members: func() []string { return members }}
	if clientCA {
		files.CA = filepath.Join(dir, "ca.pem")
	} else {
		tokens := filepath.Join(dir, "tokens")
		line := fmt.Sprintf("a %x read,append *\nr %x append other\n", sha256.Sum256([]byte("right")), sha256.Sum256([]byte("other")))
		if err := os.WriteFile(tokens, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		if o.Guard, err = access.OpenGuard(tokens); err != nil {
			t.Fatal(err)
		}
	}
	if o.Certificates, err = access.NewCertificates(files, o.Guard != nil); err != nil {
		t.Fatal(err)
	}
	l, err := logserver.Open(logserver.Options{Blobs: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	s := logserver.NewServer(l, o)
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String(), ca
}

// use appends and reads.
func use(t *testing.T, addr string, options ...client.Option) error {
	t.Helper()
	options = append(options, client.Keep(10, 0))
	c, err := client.New(addr, options...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := c.Append(ctx, []byte(`{"a":1}`)); err != nil {
		return err
	}
	for entry, err := range c.Read(ctx) {
		if err != nil {
			return err
		}
		if string(entry.Data) != `{"a":1}` {
			t.Errorf("%s", entry.Data)
		}
	}
	return nil
}

func TestTLSAndToken(t *testing.T) {
	addr, ca := secured(t, false)
	trust := client.TLS(&tls.Config{RootCAs: ca.Pool()})
	if err := use(t, addr, trust, client.Token("right")); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		options []client.Option
		want    error
	}{
		"no token":       {[]client.Option{trust}, client.ErrUnauthorized},
		"a wrong token":  {[]client.Option{trust, client.Token("wrong")}, client.ErrUnauthorized},
		"another's":      {[]client.Option{trust, client.Token("other")}, client.ErrForbidden},
		"no trust":       {[]client.Option{client.TLS(nil), client.Token("right")}, client.ErrDisconnected},
		"another's name": {[]client.Option{client.TLS(&tls.Config{RootCAs: ca.Pool(), ServerName: "example.com"}), client.Token("right")}, client.ErrDisconnected},
	} {
		if err := use(t, addr, c.options...); !errors.Is(err, c.want) || errors.Is(err, client.ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClientCertificate(t *testing.T) {
	addr, ca := secured(t, true)
	if err := use(t, addr, client.TLS(&tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{ca.ClientPair(nil)}})); err != nil {
		t.Error(err)
	}
	if err := use(t, addr); !errors.Is(err, client.ErrTLSWanted) || errors.Is(err, client.ErrUnknownOutcome) {
		t.Errorf("without TLS: %v", err)
	}
	if err := use(t, addr, client.Token("some")); !errors.Is(err, client.ErrTLSWanted) {
		t.Errorf("without TLS, with a token: %v", err)
	}
	if err := use(t, addr, client.TLS(&tls.Config{RootCAs: ca.Pool()})); !errors.Is(err, client.ErrDisconnected) {
		t.Errorf("without a certificate: %v", err)
	}
}

// What servers tell of is connected to with TLS and the token, too; and told to a token for another log.
func TestLearnedAddressesKeepTLS(t *testing.T) {
	for name, c := range map[string]struct {
		clientCA bool
		log      client.Log
		options  []client.Option
	}{
		"certificate": {true, "main", nil},
		"token":       {false, "main", []client.Option{client.Token("right")}},
		"other log":   {false, "other", []client.Option{client.Token("other")}},
	} {
		addr, ca := secured(t, c.clientCA, "localhost")
		config := &tls.Config{RootCAs: ca.Pool()}
		if c.clientCA {
			config.Certificates = []tls.Certificate{ca.ClientPair(nil)}
		}
		var lost atomic.Bool
		var last atomic.Pointer[net.Conn]
		dial := func(ctx context.Context, to string) (net.Conn, error) {
			if to == addr && lost.Load() {
				return nil, errors.New("it is lost")
			}
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to)
			last.Store(&conn)
			return conn, err
		}
		known, err := client.New(addr, append(c.options, client.TLS(config), client.Dialer(dial))...)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		for i := 1; i <= 2; i++ {
			if index, err := known.Append(ctx, []byte(`{}`), c.log); err != nil || index != uint64(i) {
				t.Errorf("%s: index %d, %v", name, index, err)
			}
			for i == 1 && len(known.Addresses()) < 2 && ctx.Err() == nil { // its answer may come behind that of the append
				runtime.Gosched()
			}
			if i == 1 {
				lost.Store(true)
				(*last.Load()).Close()
			}
		}
		if host, _, _ := net.SplitHostPort(known.Address()); host != "localhost" {
			t.Errorf("%s: at %s", name, known.Address())
		}
		cancel()
		known.Close()
	}
}

func TestTLSWhereThereIsNone(t *testing.T) {
	l, err := logserver.Open(logserver.Options{Blobs: "memory"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := logserver.NewServer(l, logserver.ServerOptions{})
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	if err := use(t, listener.Addr().String(), client.TLS(nil)); !errors.Is(err, client.ErrNoTLS) {
		t.Error(err)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-done
}
