package peer

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func mustClient(t *testing.T, address string, options ClientOptions) *PutClient {
	t.Helper()
	c, err := NewPutClient(address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestClientAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:8080":          "http://localhost:8080",
		"[::1]:80":                "http://[::1]:80",
		"http://a":                "http://a",
		"https://a:1/_put":        "https://a:1/_put",
		"":                        "",
		"http://":                 "",
		"ftp://a":                 "",
		"http://user:secret@a":    "",
		"http://a:port":           "",
		"a b":                     "",
		"http://a/\x00":           "",
		"unix:///run/peer.socket": "",
	} {
		c, err := NewPutClient(address, ClientOptions{})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: %s", address, c.url)
		case want == "" && !strings.Contains(err.Error(), "want host:port"):
			t.Errorf("%q: %v", address, err)
		case want != "" && (err != nil || c.url != want):
			t.Errorf("%q: %v", address, err)
		}
	}
}

// What our client puts, our handler gets.
func TestClientAndServer(t *testing.T) {
	var events store
	s := listen(t, events.put, PutOptions{})
	c := mustClient(t, s.Addr().String(), ClientOptions{})
	for key, event := range map[string]string{
		"a": `{"n":12345678901234567890.10}`, "": `null`, "<grün>\u2028\x00\"\\": ` [ 1 ] `, "b": `"\ud83d"`,
	} {
		if err := c.Put(t.Context(), key, []byte(event)); err != nil {
			t.Errorf("%q: %v", key, err)
		}
		if got, ok := events.get(key); !ok || got != strings.TrimSpace(event) {
			t.Errorf("%q: %q came as %q, %v", key, event, got, ok)
		}
	}
	for key, want := range map[string]struct {
		kind error
		text string
	}{
		"refuse it": {ErrRefused, "refuse it is no key of mine"},
		"fail":      {ErrUnknown, "send the same event under the same key again"},
		"\xff":      {ErrRefused, "the key is not UTF-8"},
	} {
		err := c.Put(t.Context(), key, []byte(`1`))
		if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.text) {
			t.Errorf("%q: %v", key, err)
		}
		for _, kind := range []error{ErrRefused, ErrNotSent, ErrUnknown} {
			if errors.Is(err, kind) != (kind == want.kind) {
				t.Errorf("%q: %v is %v", key, err, kind)
			}
		}
	}
}

func TestWhatAnswersMean(t *testing.T) {
	var status atomic.Int32
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(int(status.Load()))
		if status.Load() != 204 && status.Load() != 304 {
			_, _ = io.WriteString(w, strings.Repeat("what?\n", 1000))
		}
	}))
	defer peer.Close()
	c := mustClient(t, peer.URL, ClientOptions{})
	for code, want := range map[int]error{
		201: nil, 200: ErrUnknown, 202: ErrUnknown, 204: ErrUnknown,
		301: ErrRefused, 302: ErrRefused, 307: ErrRefused, 308: ErrRefused,
		400: ErrRefused, 401: ErrRefused, 403: ErrRefused, 404: ErrRefused, 405: ErrRefused, 409: ErrRefused, 413: ErrRefused,
		408: ErrUnknown, 425: ErrUnknown, 429: ErrUnknown, 500: ErrUnknown, 502: ErrUnknown, 503: ErrUnknown, 504: ErrUnknown,
	} {
		status.Store(int32(code))
		err := c.Put(t.Context(), "k", []byte("{}"))
		if !errors.Is(err, want) {
			t.Errorf("%d: %v", code, err)
		}
		if err != nil && (!strings.Contains(err.Error(), fmt.Sprint(code)) || len(err.Error()) > 300) {
			t.Errorf("%d: %v", code, err)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	c := mustClient(t, listener.Addr().String(), ClientOptions{})
	if err := c.Put(t.Context(), "k", []byte("1")); !errors.Is(err, ErrNotSent) || errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Put(ended, "k", []byte("1")); !errors.Is(err, ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTheAnswerDoesNotCome(t *testing.T) {
	held := newStopped()
	s := listen(t, held.put, PutOptions{PutTime: patience})
	c := mustClient(t, s.Addr().String(), ClientOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- c.Put(ctx, "k", []byte("1")) }()
	<-held.begun
	cancel()
	if err := <-done; !errors.Is(err, ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("the context ended: %v", err)
	}
	for short := 10 * time.Millisecond; ; short *= 2 { // a busy machine may not even have begun by then
		held := newStopped()
		s := listen(t, held.put, PutOptions{PutTime: patience})
		hasty := mustClient(t, s.Addr().String(), ClientOptions{Timeout: short})
		go func() { done <- hasty.Put(t.Context(), "k", []byte("1")) }()
		select {
		case <-held.begun:
		case err := <-done:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("time was up: %v", err)
			}
			continue
		}
		if err := <-done; !errors.Is(err, ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("time was up: %v", err)
		}
		return
	}
}

// A peer that closes a connection after each answer without saying so, as one does whose patience with idle
// connections ends at that moment, is put to again.
func TestAConnectionThatWasKeptIsGone(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var served atomic.Int32
	peer := make(chan struct{})
	go func() {
		defer close(peer)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_ = c.SetDeadline(time.Now().Add(patience))
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
				served.Add(1)
			}
			c.Close()
		}
	}()
	c := mustClient(t, listener.Addr().String(), ClientOptions{})
	for i := range 30 {
		if err := c.Put(t.Context(), "k", []byte("1")); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	listener.Close()
	<-peer
	if served.Load() < 30 {
		t.Errorf("%d of 30 puts came", served.Load())
	}
}

func TestAPeerThatSpeaksTLS(t *testing.T) {
	var events store
	s := httptest.NewUnstartedServer(NewPutHandler(events.put, PutOptions{}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := mustClient(t, s.URL+"/_put", ClientOptions{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}})
	if err := trusting.Put(t.Context(), "k", []byte("{}")); err != nil {
		t.Error(err)
	}
	if event, ok := events.get("k"); !ok || event != "{}" {
		t.Errorf("%q, %v", event, ok)
	}
	wary := mustClient(t, s.URL+"/_put", ClientOptions{TLS: &tls.Config{RootCAs: x509.NewCertPool()}})
	if err := wary.Put(t.Context(), "other", []byte("{}")); !errors.Is(err, ErrNotSent) {
		t.Error(err)
	}
}
