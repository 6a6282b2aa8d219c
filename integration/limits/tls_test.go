//go:build linux

package limits

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
)

// TestIdleConnections measures what idle tails and idle connections cost a server, in TLS and without.
// In TLS it must be 40 kB at most. A commit tries 500 of each; IDLE=10000 is for the figure.
func TestIdleConnections(t *testing.T) {
	n := 500
	if text := os.Getenv("IDLE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	raiseFiles(t, uint64(n+500))
	for _, version := range []uint16{0, tls.VersionTLS12, tls.VersionTLS13} {
		for _, first := range []string{"", `{"from":1}`} {
			name := fmt.Sprintf("%s %s", versionName(version), first)
			t.Run(name, func(t *testing.T) {
				perConnection := idle(t, n, version, first)
				t.Logf("%d idle connections: %.1f kB each (RssAnon)", n, perConnection/1000)
				if perConnection > 40_000 {
					t.Errorf("%.0f bytes each", perConnection)
				}
			})
		}
	}
}

func versionName(version uint16) string {
	if version == 0 {
		return "plain"
	}
	return tls.VersionName(version)
}

// idle has n connections say first, and nothing more, and returns how much memory each has taken.
func idle(t *testing.T, n int, version uint16, first string) float64 {
	t.Helper()
	ca, dir := accesstest.NewCA(t), t.TempDir()
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	s := server.New(t, server.Dir(t), map[string]string{"MAX_CONNS": strconv.Itoa(n + 10)})
	if version != 0 {
		s.Configure(map[string]string{"TLS_CERT": filepath.Join(dir, "cert.pem"), "TLS_KEY": filepath.Join(dir, "key.pem")})
	}
	s.Start()
	defer s.Stop()
	config := &tls.Config{RootCAs: ca.Pool(), ServerName: "localhost", MinVersion: version, MaxVersion: version}
	open := func() net.Conn {
		conn, err := net.DialTimeout("tcp", s.Addr, server.Patience)
		if err != nil {
			t.Fatal(err)
		}
		if version != 0 {
			client := tls.Client(conn, config)
			if err := client.Handshake(); err != nil {
				t.Fatal(err)
			}
			conn = client
		}
		if first == "" {
			return conn
		}
		if _, err := fmt.Fprintln(conn, first); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReaderSize(conn, 16).ReadBytes('\n'); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for range 20 { // what the first ones cost is not theirs alone
		open().Close()
	}
	before := look(t, s.PID()).anon
	conns := make([]net.Conn, n)
	for i := range conns {
		conns[i] = open()
	}
	after := look(t, s.PID()).anon
	for _, conn := range conns {
		conn.Close()
	}
	return float64(after-before) / float64(n)
}
