package logserver

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver/access/accesstest"
)

// sealedPair is a sealed connection and its client, over a real socket with small buffers.
func sealedPair(t *testing.T, version uint16) (*sealed, *tls.Conn) {
	t.Helper()
	ca := accesstest.NewCA(t)
	pair, err := tls.X509KeyPair(ca.Server(nil))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.(*net.TCPConn).SetWriteBuffer(64 << 10)
	_ = dialed.(*net.TCPConn).SetReadBuffer(64 << 10)
	client := tls.Client(dialed, &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: version, MaxVersion: version})
	shaken := make(chan error, 1)
	go func() { shaken <- client.Handshake() }()
	first := make([]byte, 1)
	if _, err := raw.Read(first); err != nil {
		t.Fatal(err)
	}
	s, err := newSealed(raw, first, &tls.Config{Certificates: []tls.Certificate{pair}, DynamicRecordSizingDisabled: true}, time.Now().Add(time.Minute), &budget{limit: 1})
	if err = errors.Join(err, <-shaken); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		dialed.Close()
	})
	return s, client
}

// However it is written, in pieces that don't fit, broken off and gone on with: what arrives is what
// was sent, and nothing is held back by who has been told that all has gone.
func TestSealedWritesLikeASocket(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		s, client := sealedPair(t, version)
		random := rand.New(rand.NewPCG(1, uint64(version)))
		text := make([]byte, 6<<20)
		for i := range text {
			text[i] = byte(random.Uint32())
		}
		got := make(chan []byte, 1)
		go func() {
			var all bytes.Buffer
			for buf, n := make([]byte, 100_000), 0; ; all.Write(buf[:n]) {
				var err error
				if n, err = client.Read(buf[:1+n*7919%len(buf)]); err != nil {
					all.Write(buf[:n])
					break
				}
			}
			got <- all.Bytes()
		}()
		full, late := 0, 0
		for at := 0; at < len(text); {
			p := text[at:min(len(text), at+1+random.IntN(300_000))]
			var n int
			var err error
			switch random.IntN(3) {
			case 0:
				n, err = s.tryWrite(p)
			case 1:
				_ = s.SetWriteDeadline(time.Now().Add(time.Duration(random.IntN(300)) * time.Microsecond))
				n, err = s.Write(p)
				_ = s.SetWriteDeadline(time.Time{})
			default:
				n, err = s.Write(p)
				if err == nil && n < len(p) {
					t.Fatal("a short write without an error")
				}
			}
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				late++
				err = s.waitWritable()
			case n < len(p):
				full++
			}
			if err != nil {
				t.Fatal(err)
			}
			if at += n; n == len(p) && s.cipher.kept != nil {
				t.Fatal("all has gone, and something is kept")
			}
		}
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(<-got, text) {
			t.Fatal("what arrived is not what was sent")
		}
		if full == 0 || late == 0 {
			t.Errorf("%d writes did not fit, %d were late: nothing was tried", full, late)
		}
	}
}

// A client that takes nothing holds up nobody but itself, and closing doesn't wait for it.
func TestSealedStalled(t *testing.T) {
	s, _ := sealedPair(t, tls.VersionTLS13)
	p := make([]byte, piece)
	sent := 0
	for {
		n, err := s.tryWrite(p)
		if err != nil {
			t.Fatal(err)
		}
		sent += n
		if n < len(p) {
			break
		}
	}
	if n, err := s.tryWrite(p); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	blocked := make(chan error, 1)
	go func() {
		_, err := s.Write(p)
		blocked <- err
	}()
	if held := s.memory.budget.used.Load(); held != maxKept {
		t.Errorf("it counts as %d bytes", held)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-blocked; !errors.Is(err, net.ErrClosed) {
		t.Fatal(err)
	}
	if held := s.memory.budget.used.Load(); held != 0 {
		t.Errorf("%d bytes are held when it is closed", held)
	}
}

// What one side ends in order, the other sees as the end.
func TestSealedHalfClose(t *testing.T) {
	s, client := sealedPair(t, tls.VersionTLS13)
	if _, err := client.Write([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(s); err != nil || string(all) != "last" {
		t.Fatal(string(all), err)
	}
	if n, err := s.tryWrite([]byte("answer")); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if all, err := io.ReadAll(client); err != nil || string(all) != "answer" {
		t.Fatal(string(all), err)
	}
}

// What the client can have TLS itself say is bounded, holds no large buffer, and leaves room for a piece.
func TestAnswersOfTLSAreBounded(t *testing.T) {
	c := &ciphertext{}
	c.keep()
	kept := 0
	for ; ; kept++ {
		if _, err := c.Write([]byte{byte(kept)}); err != nil {
			if !errors.Is(err, errKept) {
				t.Fatal(err)
			}
			break
		}
	}
	if kept < maxAnswers || cap(c.kept) > 2*maxAnswers {
		t.Fatalf("%d bytes are kept in %d", kept, cap(c.kept))
	}
	c.expect()
	if _, err := c.Write(make([]byte, piece+100)); err != nil {
		t.Fatal(err)
	}
	var sent []byte
	if gone, err := c.send(func(p []byte) (int, error) { sent = append(sent, p...); return len(p), nil }); !gone || err != nil {
		t.Fatal(gone, err)
	}
	if len(sent) != kept+piece+100 || sent[1] != 1 || c.kept != nil {
		t.Errorf("%d bytes were sent", len(sent))
	}
}
