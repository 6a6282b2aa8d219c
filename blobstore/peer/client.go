package peer

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// ClientOptions are how a PutClient puts. What is 0 is the default.
type ClientOptions struct {
	Timeout time.Duration // for a put, its answer included; 30 s
	MaxIdle int           // connections that are kept for the next puts; 16
	TLS     *tls.Config   // for a peer that is https
}

// PutClient puts events to one peer. It may be used by any number of goroutines.
type PutClient struct {
	url       string
	timeout   time.Duration
	client    http.Client
	transport *http.Transport
}

// NewPutClient returns a client of the peer at an address: host:port, or a URL, http or https, that may have a
// path. It doesn't connect yet.
func NewPutClient(address string, options ClientOptions) (*PutClient, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, fmt.Errorf("address %q of a peer: want host:port, or http:// or https://host:port/path", address)
	}
	transport := &http.Transport{
		TLSClientConfig:     options.TLS,
		MaxIdleConnsPerHost: or(options.MaxIdle, 16),
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true,
	}
	return &PutClient{
		url:       u.String(),
		timeout:   or(options.Timeout, 30*time.Second),
		transport: transport,
		client: http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connections that are kept. Puts under way are not disturbed, later ones connect anew.
func (c *PutClient) Close() { c.transport.CloseIdleConnections() }

// Put is a Put by the peer: nil says that the event, any JSON value, is stored there under the key. Every error is
// one of
//
//	ErrRefused   not stored: the peer refused it, or it can't be sent; the error says why
//	ErrNotSent   not stored: there is no connection to the peer
//	ErrUnknown   it may be stored or not: the connection broke, time was up, or the peer said something else
//
// by errors.Is; if ctx ended, it is ctx's error as well.
func (c *PutClient) Put(ctx context.Context, key string, event []byte) error {
	body, err := format(key, event)
	if err != nil {
		return err
	}
	var sent atomic.Bool
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent.Store(true) }})
	request, err := http.NewRequestWithContext(traced, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrNotSent, err)
	}
	request.Header.Set("Content-Type", "application/json")
	// Not sent, but says to the transport that it may send the request again when the peer has closed a
	// connection that was kept: a put may come twice.
	request.Header["Idempotency-Key"] = nil
	response, err := c.client.Do(request)
	if err != nil {
		kind := ErrNotSent
		if sent.Load() {
			kind = ErrUnknown
		}
		return fmt.Errorf("%w: %w", kind, err)
	}
	defer response.Body.Close()
	return c.outcome(response)
}

// outcome says what an answer means.
func (c *PutClient) outcome(response *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // what there is of it: the status says enough
	status := response.StatusCode
	if status == http.StatusCreated {
		return nil
	}
	kind := ErrUnknown
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
	case status >= 300 && status < 500:
		kind = ErrRefused
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("%w: %s answers %s: %q", kind, c.url, response.Status,
		cmp.Or(strings.ToValidUTF8(line, "?"), response.Header.Get("Location"), response.Header.Get("Allow")))
}
