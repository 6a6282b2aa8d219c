package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// client is a PutClient of a target's port.
func (h *target) client(t *testing.T, config *tls.Config) *PutClient {
	t.Helper()
	scheme := "https://"
	if config == nil {
		scheme = "http://"
	}
	c, err := NewPutClient(scheme+h.address, ClientOptions{TLS: config, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Whoever shows a node's certificate puts on the port that links come to, whatever he offers by ALPN, and links
// and calls go on beside.
func TestPutOnThePortOfNodes(t *testing.T) {
	var events store
	h := startTarget(t, func(o *Options) { o.Put = events.put })
	for i, protocols := range [][]string{nil, {"http/1.1"}, {"h2", "http/1.1"}} {
		config := h.good.Clone()
		config.NextProtos = protocols
		c := h.client(t, config)
		for n := range 3 { // on one connection
			key := fmt.Sprint(i, n)
			if err := c.Put(t.Context(), key, []byte(`{"n":1}`)); err != nil {
				t.Errorf("%v: %v", protocols, err)
			}
			if event, ok := events.get(key); !ok || event != `{"n":1}` {
				t.Errorf("%v: %q is stored", protocols, event)
			}
		}
		if err := c.Put(t.Context(), "refuse me", []byte(`{}`)); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: %v", protocols, err)
		}
		if err := c.Put(t.Context(), "fail", []byte(`{}`)); !errors.Is(err, ErrUnknown) {
			t.Errorf("%v: %v", protocols, err)
		}
	}
	h.healthy(t)
}

// Without TLS everybody who reaches the port may put, as he may do everything; but no web page.
func TestPutInPlainText(t *testing.T) {
	var events store
	h := startTarget(t, func(o *Options) { o.TLS, o.Put = nil, events.put })
	if err := h.client(t, nil).Put(t.Context(), "a", []byte(`[]`)); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		request string
		status  int
	}{
		{request("POST", "/_put", "", `{"key":"b","event":{}}`), 201},
		{request("GET", "/", "", ""), 405},
		{request("BREW", "/", "", ""), 405},
		{request("POST", "/", "", `{"key":"c"}`), 400},
		{request("POST", "/", "Origin: http://peer\r\n", `{"key":"d","event":{}}`), 403},
		{request("POST", "/", "Origin: null\r\n", `{"key":"d","event":{}}`), 403},
		{"GET nonsense that is none\r\n\r\n", 400},
	} {
		response := h.asks(t, nil, c.request)
		if response.StatusCode != c.status || c.status == 405 && response.Header.Get("Allow") != "POST" {
			t.Errorf("%q: %s %v", c.request, response.Status, response.Header)
		}
	}
	if len(events.events) != 2 {
		t.Errorf("%v is stored", events.events)
	}
}

// asks sends a request and returns what is answered.
func (h *target) asks(t *testing.T, config *tls.Config, text string) *http.Response {
	t.Helper()
	c, err := h.dialTarget(t, config)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, text)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	response.Body.Close()
	return response
}

// Who hasn't shown that he is a node puts nothing, and is told nothing.
func TestStrangersPutNothing(t *testing.T) {
	var events store
	h := startTarget(t, func(o *Options) { o.Put, o.OpenTime = events.put, time.Second })
	put := request("POST", "/", "", `{"key":"a","event":{}}`)
	elsewhere, _ := certificates(t, "n2")
	show := func(pair tls.Certificate) *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}
	}
	old := show(forge(t, h.dir, "n2", func(*x509.Certificate) {}))
	old.MinVersion, old.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	for name, config := range map[string]*tls.Config{
		"plain text":      nil,
		"no certificate":  {InsecureSkipVerify: true},
		"another CA":      show(forge(t, elsewhere, "n2", func(*x509.Certificate) {})),
		"TLS 1.2":         old,
		"a client's role": show(forge(t, h.dir, "n2", func(c *x509.Certificate) { c.URIs = nil })),
		"expired": show(forge(t, h.dir, "n2", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		})),
	} {
		if c, err := h.dialTarget(t, config); err == nil {
			_, _ = io.WriteString(c, put)
			if answer := said(t, c); strings.Contains(answer, "HTTP") {
				t.Errorf("%s: answered %q", name, answer)
			}
		}
		h.why(t)
	}
	for _, text := range []string{"POST ", "GET", "POST\x00 / HTTP", strings.Repeat("A", 7) + "\n"} { // neither HTTP nor a hello
		c := h.connected(t)
		_, _ = io.WriteString(c, text)
		if answer := said(t, c); answer != "" {
			t.Errorf("%q: answered %q", text, answer)
		}
		h.why(t)
	}
	if events.puts != 0 {
		t.Errorf("%d puts", events.puts)
	}
	h.healthy(t)
}

// No hello looks like a request, whatever its checksum is.
func TestNoHelloIsARequest(t *testing.T) {
	for _, c := range []struct {
		first string
		http  bool
	}{
		{"POST / HTTP/1.1", true}, {"GET / HTTP/1.1", true}, {"OPTIONS * HTTP", true}, {"PROPFIND / HTTP", true},
		{"POST\x86\x00\x00\x00\x01", false}, {"GET \x86\x00\x00\x00\x01", false}, {"post / HTTP/1.1", false}, {"{\"key\":1}", false}, {"   POST /", false},
	} {
		here, there := net.Pipe()
		go func() { _, _ = io.WriteString(there, c.first) }()
		if got, err := newConnection(here, "x", false).speaksHTTP(); got != c.http || err != nil {
			t.Errorf("%q: %v, %v", c.first, got, err)
		}
		here.Close()
		there.Close()
	}
}

// Connections that put are limited, beside the links; and a Put under way doesn't hold up a Close for long.
func TestPuttersAreLimited(t *testing.T) {
	begun := make(chan struct{})
	h := startTarget(t, func(o *Options) {
		o.MaxPeers = 2
		o.Put = func(ctx context.Context, key string, _ []byte) error {
			if key == "slow" {
				close(begun)
				<-ctx.Done()
			}
			return ctx.Err()
		}
	})
	slow := make(chan error, 1)
	client := h.client(t, h.good)
	go func() { slow <- client.Put(t.Context(), "slow", []byte(`{}`)) }()
	<-begun
	quick := h.connected(t)
	for range 2 { // the connection is kept
		_, _ = io.WriteString(quick, request("POST", "/", "", `{"key":"a","event":{}}`))
		if response, err := http.ReadResponse(bufio.NewReader(quick), nil); err != nil || response.StatusCode != http.StatusCreated {
			t.Fatal(response, err)
		}
	}
	c := h.connected(t)
	_, _ = io.WriteString(c, request("POST", "/", "", `{"key":"a","event":{}}`))
	if answer := said(t, c); answer != "" {
		t.Errorf("one too many is answered %q", answer)
	}
	if err := h.why(t); !strings.Contains(err.Error(), "more than 2 connections put") {
		t.Error(err)
	}
	quick.Close()
	await(t, "room", func() bool {
		c := h.client(t, h.good)
		defer c.Close()
		return c.Put(t.Context(), "a", []byte(`{}`)) == nil
	})
	h.healthy(t)
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := <-slow; !errors.Is(err, ErrUnknown) {
		t.Errorf("a put that was broken off: %v", err)
	}
}
