package logserver_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
	"github.com/ringlog/ringlog/protocol"
)

// certified makes certificates for a server: with clientCA, it wants them of clients too, or a token
// if that is enough.
func certified(t *testing.T, clientCA, optional bool) (*accesstest.CA, *access.Certificates) {
	t.Helper()
	ca, dir := accesstest.NewCA(t), t.TempDir()
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	files := access.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	if clientCA {
		files.CA = filepath.Join(dir, "ca.pem")
	}
	c, err := access.NewCertificates(files, optional)
	if err != nil {
		t.Fatal(err)
	}
	return ca, c
}

// trusting is a client's configuration.
func trusting(ca *accesstest.CA, pairs ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", Certificates: pairs}
}

// dialTLS is dial in TLS.
func dialTLS(t *testing.T, addr string, config *tls.Config) *talk {
	t.Helper()
	k := dial(t, addr)
	conn := tls.Client(k.conn, config)
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	k.conn, k.lines = conn, bufio.NewReaderSize(conn, 64<<10)
	return k
}

func TestTLS(t *testing.T) {
	ca, certs := certified(t, false, false)
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{Certificates: certs})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := trusting(ca)
		config.MinVersion, config.MaxVersion = version, version
		k := dialTLS(t, addr, config)
		log := fmt.Sprintf("v%x", version)
		k.send(`{"from":1,"log":"` + log + `"}` + "\n" + `{"id":"a","entry":{"n": 1},"log":"` + log + `"}` + "\n")
		k.expect(`{"current":true}`, `{"id":"a","index":1}`)
		k.send(`{"id":"big","log":"` + log + `","entry":["` + strings.Repeat("x", 1<<20-100) + `"]}` + "\n")
		k.expect(`{"id":"big","index":2}`)
		k.half()
		k.expectEnd()
		k = dialTLS(t, addr, config)
		k.send(`{"from":1,"follow":false,"log":"` + log + `"}` + "\n")
		k.expect(`{"index":1,"entry":{"n":1}}`, `{"index":2,"entry":["`+strings.Repeat("x", 1<<20-100)+`"]}`, `{"current":true}`)
	}
	// On this machine, lines without TLS are as good.
	hold(t, addr, `
		> {"id":"a","entry":{}}
		< {"id":"a","index":1}`)
}

func TestTLSTooOld(t *testing.T) {
	ca, certs := certified(t, false, false)
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{Certificates: certs})
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		config := trusting(ca)
		config.MinVersion, config.MaxVersion = version, version
		err := tls.Client(dial(t, addr).conn, config).Handshake()
		var alert tls.AlertError
		if !errors.As(err, &alert) && !strings.Contains(fmt.Sprint(err), "protocol version") {
			t.Errorf("%x: %v", version, err)
		}
	}
}

// A hello where there is no TLS, and inside of TLS.
func TestHelloWhereThereIsNoTLS(t *testing.T) {
	addr := checked(t, logserver.Options{}, logserver.ServerOptions{})
	k := dial(t, addr)
	hello := make(chan error, 1)
	go func() { hello <- tls.Client(k.conn, &tls.Config{ServerName: "localhost"}).Handshake() }()
	var header tls.RecordHeaderError
	if err := <-hello; !errors.As(err, &header) {
		t.Fatal(err)
	}
	if header.RecordHeader != [5]byte([]byte(`{"err`)) {
		t.Errorf("got %q", header.RecordHeader)
	}
	k = dial(t, addr)
	k.send("\x16\x03\x01\x02\x00\x01")
	k.expect(`{"error":"` + protocol.ErrorNoTLS + `"}`)
	k.expectEnd()

	ca, certs := certified(t, false, false)
	addr = checked(t, logserver.Options{}, logserver.ServerOptions{Certificates: certs})
	k = dialTLS(t, addr, trusting(ca))
	k.send("\x16\x03\x01\x02\x00\x01\n")
	k.expect(`{"error":"` + protocol.ErrorInvalidJSON + `"}`)
	k.expectEnd()
}

// elsewhere makes connections come from another machine.
type elsewhere struct{ net.Listener }

type elsewhereConn struct{ *net.TCPConn }

func (l elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return elsewhereConn{conn.(*net.TCPConn)}, nil
}

func (elsewhereConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 7), Port: 1234}
}

func TestPlainWhereTLSIsWanted(t *testing.T) {
	ca, certs := certified(t, false, false)
	o := logserver.ServerOptions{Certificates: certs, AdmitTimeout: 200 * time.Millisecond}
	addr := serveFrom(t, o, true)
	k := dial(t, addr)
	k.send(`{"id":"a","entry":{"not":"appended"}}` + "\n" + `{"from":1}` + "\n")
	k.expect(`{"error":"` + protocol.ErrorTLSWanted + `"}`)
	k.expectEnd()
	dial(t, addr).dropped() // who says nothing
	k = dialTLS(t, addr, trusting(ca))
	k.send(`{"head":true}` + "\n")
	k.expect(`{"head":0}`)

	o.AllowPlain = true
	k = dial(t, serveFrom(t, o, true))
	k.send(`{"head":true}` + "\n")
	k.expect(`{"head":0}`)
}

// A socket in the file system is of this machine.
func TestPlainOnASocketOfTheFileSystem(t *testing.T) {
	_, certs := certified(t, false, false)
	path := filepath.Join(t.TempDir(), "s")
	serveOn(t, logserver.Options{}, logserver.ServerOptions{Certificates: certs}, func(l net.Listener) net.Listener {
		l.Close()
		socket, err := net.Listen("unix", path)
		if err != nil {
			t.Error(err)
		}
		return socket
	})
	conn := dialUnix(t, path)
	io.WriteString(conn, `{"head":true}`+"\n")
	if answer, err := bufio.NewReader(conn).ReadString('\n'); answer != `{"head":0}`+"\n" {
		t.Errorf("got %q, %v", answer, err)
	}
}

// dialUnix connects to a socket that may not be there yet.
func dialUnix(t *testing.T, path string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(guard); ; {
		conn, err := net.Dial("unix", path)
		if err == nil {
			t.Cleanup(func() { conn.Close() })
			conn.SetDeadline(deadline)
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// serveFrom is serve, with connections from another machine, or from this.
func serveFrom(t *testing.T, o logserver.ServerOptions, another bool) string {
	t.Helper()
	wrap := func(l net.Listener) net.Listener { return l }
	if another {
		wrap = func(l net.Listener) net.Listener { return elsewhere{l} }
	}
	return serveOn(t, logserver.Options{}, o, wrap)
}

// greeted is serve, held to append and to answer as usual afterwards to whoever greet lets in.
func greeted(t *testing.T, o logserver.ServerOptions, greet func(addr string) *talk) string {
	t.Helper()
	addr := serve(t, logserver.Options{}, o)
	t.Cleanup(func() {
		if !t.Failed() {
			asUsual(greet(addr))
		}
	})
	return addr
}

// TestSlowTailsInTLS: in TLS, too, a read can be broken off at any byte and gone on with.
func TestSlowTailsInTLS(t *testing.T) {
	ca, certs := certified(t, false, false)
	slowTails(t, logserver.ServerOptions{Certificates: certs}, func(t *testing.T, addr string) *talk {
		return dialTLS(t, addr, trusting(ca))
	})
}

// A client's certificate opens the door, and no other does.
func TestClientCertificates(t *testing.T) {
	ca, certs := certified(t, true, false)
	addr := greeted(t, logserver.ServerOptions{Certificates: certs}, func(addr string) *talk {
		return dialTLS(t, addr, trusting(ca, ca.ClientPair(nil)))
	})
	other := accesstest.NewCA(t)
	for name, pairs := range map[string][]tls.Certificate{
		"none":                   nil,
		"another CA's":           {other.ClientPair(nil)},
		"expired":                {ca.ClientPair(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })},
		"not valid yet":          {ca.ClientPair(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })},
		"a server's certificate": {ca.ClientPair(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			config := trusting(ca)
			config.MaxVersion = version
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(pairs) == 0 {
					return &tls.Certificate{}, nil
				}
				return &pairs[0], nil // also where the server's list of CAs would leave it out
			}
			conn := tls.Client(dial(t, addr).conn, config)
			_, err := io.WriteString(conn, `{"head":true}`+"\n")
			if err == nil {
				_, err = bufio.NewReader(conn).ReadString('\n')
			}
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != "remote error" {
				t.Errorf("%s, %x: %v, want to be told by TLS", name, version, err)
			}
		}
	}
	// Without TLS there is no certificate: not on this machine either.
	k := dial(t, addr)
	k.send(`{"head":true}` + "\n")
	k.expect(`{"error":"` + protocol.ErrorTLSWanted + `"}`)
	k.expectEnd()
}

// Bytes that are no handshake, or only the beginning of one.
func TestHostileHandshakes(t *testing.T) {
	ca, certs := certified(t, false, false)
	o := logserver.ServerOptions{Certificates: certs, ShakeTimeout: 300 * time.Millisecond, Linger: 50 * time.Millisecond}
	addr := greeted(t, o, func(addr string) *talk { return dialTLS(t, addr, trusting(ca)) })
	for name, sent := range map[string]string{
		"one byte":           "\x16",
		"half a header":      "\x16\x03\x01",
		"half a hello":       "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"garbage":            "\x16\x03\x01\x00\x20" + strings.Repeat("\xff", 32),
		"a record too large": "\x16\x03\x03\xff\xff" + strings.Repeat("x", 1<<16),
		"an empty record":    "\x16\x03\x01\x00\x00" + strings.Repeat("\x16\x03\x01\x00\x00", 1000),
		"SSL 2":              "\x16\x03\x00\x00\x05" + strings.Repeat("\x00", 5),
		"text":               "\x16" + strings.Repeat("text", 1000),
	} {
		k := dial(t, addr)
		k.send(sent)
		all, err := io.ReadAll(k.lines)
		if errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(all), "{") {
			t.Errorf("%s: %q, %v", name, all, err)
		}
	}
	// One that is cut off in the middle, and one that says things between records.
	conn := dial(t, addr).conn
	client := tls.Client(conn, trusting(ca))
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, `{"head":true}`+"\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(client).ReadString('\n'); err == nil {
		t.Error("lines between records were answered")
	}
}

// A server that stops lets those in TLS have what they are owed.
func TestStopInTLS(t *testing.T) {
	ca, certs := certified(t, false, false)
	var k, half *talk
	t.Run("server", func(inner *testing.T) {
		addr := serve(inner, logserver.Options{}, logserver.ServerOptions{Certificates: certs})
		k, half = dialTLS(t, addr, trusting(ca)), dial(t, addr)
		half.send("\x16\x03\x01") // in the middle of a handshake
		k.send(`{"from":1,"read":3}` + "\n" + `{"id":"a","entry":{}}` + "\n")
		k.expect(`{"current":true}`)
	})
	k.expect(`{"id":"a","index":1}`, `{"index":1,"entry":{}}`)
	k.expectEnd()
	half.dropped()
}
