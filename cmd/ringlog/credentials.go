package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/client"
	"github.com/ringlog/ringlog/protocol"
)

// tlsScheme before an address has the connection made with TLS.
const tlsScheme = "tls://"

// credentials are how a command reaches a server that doesn't let in everybody.
type credentials struct {
	ca, cert, key, tokenFile string

	// Of load.
	config *tls.Config // nil: no TLS
	token  string
}

// variablesOfCommands are those that configure commands and not the server.
var variablesOfCommands = []string{"ADDR", "TOKEN", "TOKEN_FILE", "CA", "CERT", "KEY"}

func (c *credentials) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.tokenFile, "token-file", os.Getenv("RINGLOG_TOKEN_FILE"), "`FILE` that has the token (RINGLOG_TOKEN_FILE; or RINGLOG_TOKEN, the token itself)")
	flags.StringVar(&c.ca, "ca", os.Getenv("RINGLOG_CA"), "`FILE` of the CA to trust in place of the system's (RINGLOG_CA); means TLS")
	flags.StringVar(&c.cert, "cert", os.Getenv("RINGLOG_CERT"), "`FILE` of a client certificate (RINGLOG_CERT); means TLS")
	flags.StringVar(&c.key, "key", os.Getenv("RINGLOG_KEY"), "`FILE` of its key (RINGLOG_KEY)")
}

// load reads the files. TLS is made where it is wanted, or a file is named that is for nothing else.
func (c *credentials) load(sealed bool) (err error) {
	if sealed || c.ca != "" || c.cert != "" || c.key != "" {
		if c.config, err = c.loadTLS(); err != nil {
			return err
		}
	}
	c.token = os.Getenv("RINGLOG_TOKEN")
	if c.tokenFile != "" {
		text, err := os.ReadFile(c.tokenFile)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		c.token = string(bytes.TrimSpace(text))
	}
	return nil
}

var errOneOfPair = errors.New("want --cert and --key together")

func (c *credentials) loadTLS() (*tls.Config, error) {
	config := &tls.Config{}
	if c.ca != "" {
		text, err := os.ReadFile(c.ca)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca: no certificate in %s: want PEM", c.ca)
		}
	}
	if (c.cert == "") != (c.key == "") {
		return nil, errOneOfPair
	}
	if c.cert != "" {
		pair, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, fmt.Errorf("--cert, --key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// options are the credentials as those of the client.
func (c *credentials) options() (options []client.Option) {
	if c.config != nil {
		options = append(options, client.TLS(c.config))
	}
	if c.token != "" {
		options = append(options, client.Token(c.token))
	}
	return options
}

// halfConn is a connection whose sending side can be ended.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// dial connects to an address and shows the credentials. It fails as exchange does.
func (c *credentials) dial(ctx context.Context, addr string, patience time.Duration) (halfConn, error) {
	dialer := &net.Dialer{Timeout: patience}
	raw, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoConnection, err)
	}
	_ = raw.SetDeadline(time.Now().Add(patience))
	conn, err := c.shake(ctx, raw.(halfConn), addr)
	if err == nil && c.token != "" {
		err = showToken(conn, addr, c.token)
	}
	_ = raw.SetDeadline(time.Time{})
	if err != nil {
		raw.Close()
		return nil, noAnswer(addr, patience, err)
	}
	return conn, nil
}

// shake does the handshake of TLS, where it is wanted.
func (c *credentials) shake(ctx context.Context, raw halfConn, addr string) (halfConn, error) {
	if c.config == nil {
		return raw, nil
	}
	config := c.config.Clone()
	config.ServerName, _, _ = net.SplitHostPort(addr)
	conn := tls.Client(raw, config)
	return conn, shakeError(addr, conn.HandshakeContext(ctx))
}

// shakeError says what to do about a handshake that failed.
func shakeError(addr string, err error) error {
	var header tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var verified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &header):
		return unwelcome("%s speaks no TLS: leave %s out, or set TLS_CERT and TLS_KEY there", addr, tlsScheme)
	case errors.As(err, &authority):
		return unwelcome("%s: %w; name its CA by --ca or RINGLOG_CA", addr, err)
	case errors.As(err, &verified):
		return unwelcome("%s: %w", addr, err)
	}
	return err
}

// showToken says a token and takes the answer, which is the first line.
func showToken(conn net.Conn, addr, token string) error {
	line := append(protocol.AppendString([]byte(`{"auth":`), token), "}\n"...)
	if _, err := conn.Write(line); err != nil {
		return err
	}
	answer, one := []byte(nil), make([]byte, 1)
	for len(answer) < 4096 {
		if _, err := conn.Read(one); err != nil {
			return err
		}
		if one[0] == '\n' {
			break
		}
		answer = append(answer, one[0])
	}
	if bytes.Equal(append(answer, '\n'), protocol.AppendAuth(nil)) {
		return nil
	}
	if err := refusedAtOnce(addr, answer); err != nil {
		return err
	}
	return fmt.Errorf("%s is %w, its answer to the token is %.40q", addr, errNoRinglog, answer)
}

// unwelcomeError says why a server lets nobody in who comes like this, and what to do.
type unwelcomeError struct{ error }

func (e *unwelcomeError) Unwrap() error { return e.error }

func unwelcome(format string, args ...any) error {
	return &unwelcomeError{fmt.Errorf(format, args...)}
}

func wantsTLS(addr string) error {
	return unwelcome("%s wants TLS: write %s%s", addr, tlsScheme, addr)
}

// refusedAtOnce says what to do where the first line of a server is an error; nil: it is none.
func refusedAtOnce(addr string, line []byte) error {
	said := func(text string) bool {
		return bytes.HasPrefix(bytes.TrimSpace(line), bytes.TrimSpace(protocol.AppendError(nil, nil, text)))
	}
	switch {
	case said(protocol.ErrorUnauthorized):
		return unwelcome("unauthorized: %s wants a token that it knows: set RINGLOG_TOKEN, or name a file by --token-file", addr)
	case said(protocol.ErrorTLSWanted):
		return wantsTLS(addr)
	case said(protocol.ErrorTooManyTokens):
		return unwelcome("%s", protocol.ErrorTooManyTokens)
	}
	return nil
}
