package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ringlog/ringlog/logserver/access/accesstest"
)

// scriptCA is testing.TB as far as accesstest needs it in a script.
type scriptCA struct {
	testing.TB
	ts *testscript.TestScript
}

func (scriptCA) Helper()             {}
func (s scriptCA) Fatal(args ...any) { s.ts.Fatalf("%v", args) }

func cmdCertificates(ts *testscript.TestScript, _ bool, args []string) {
	ca := accesstest.NewCA(scriptCA{ts: ts})
	how := strings.Join(args, " ")
	cert, key := ca.Server(func(c *x509.Certificate) {
		if how == "expired" {
			c.NotAfter = time.Now().Add(-time.Minute)
		}
	})
	if how == "crossed" {
		_, key = ca.Server(nil)
	}
	ca.Write(ts.MkAbs("."), cert, key)
	client, clientKey := ca.Client(nil)
	ts.Check(os.WriteFile(ts.MkAbs("client.pem"), client, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("client-key.pem"), clientKey, 0o600))
}

func cmdDialTLS(ts *testscript.TestScript, _ bool, args []string) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ts.ReadFile("ca.pem")))
	config := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	if len(args) > 1 {
		pair, err := tls.LoadX509KeyPair(ts.MkAbs("client.pem"), ts.MkAbs("client-key.pem"))
		ts.Check(err)
		config.Certificates = []tls.Certificate{pair}
	}
	dialer := &net.Dialer{Timeout: patience}
	conn, err := tls.DialWithDialer(dialer, "tcp", ts.Getenv("RINGLOG_ADDR"), config)
	ts.Check(err)
	t := talkOf(ts)
	if old := t.connections[args[0]]; old != nil {
		old.Close()
	}
	t.current = &conversation{name: args[0], Conn: conn, lines: bufio.NewReader(conn)}
	t.connections[args[0]] = t.current
}

func cmdHUP(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(talkOf(ts).server.Process.Signal(syscall.SIGHUP))
}

func cmdLogged(ts *testscript.TestScript, _ bool, args []string) {
	text := strings.Join(args, " ")
	from := ts.Value(talkKey{}).(*talk)
	for deadline := time.Now().Add(patience); ; {
		log := ts.ReadFile("server.log")
		if at := strings.Index(log[min(from.logged, len(log)):], text); at >= 0 {
			from.logged += at + len(text)
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the server has not logged %q:\n%s", text, ts.ReadFile("server.log"))
		}
		time.Sleep(5 * time.Millisecond) // between looks
	}
}
