package curl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
)

// TestTLSAndTokens: what SECURITY.md says of TLS and tokens, by curl.
func TestTLSAndTokens(t *testing.T) {
	ca, dir := accesstest.NewCA(t), t.TempDir()
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	token, line, err := access.NewToken("curl", "read,append", "main")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "tokens"), []byte(line), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(t, server.Dir(t), map[string]string{
		"TLS_CERT": filepath.Join(dir, "cert.pem"), "TLS_KEY": filepath.Join(dir, "key.pem"), "TOKENS": filepath.Join(dir, "tokens"),
	})
	s.Start()
	curl := "curl -s --cacert " + dir + "/ca.pem "
	said := curl + "-H 'Authorization: Bearer " + token + "' "
	for _, c := range []struct{ line, want string }{
		{said + "-d '{\"n\":1}' https://ADDR/logs/main", "{\"index\":1,\"count\":1}\n"},
		{said + "'https://ADDR/logs/main?follow=false'", "{\"index\":1,\"entry\":{\"n\":1}}\n{\"current\":true}\n"},
		{said + "--tls-max 1.2 https://ADDR/logs", "{\"logs\":[{\"log\":\"main\",\"first\":1,\"head\":1,\"bytes\":7}]}\n"},
		{said + "-w '%{http_code}' -o /dev/null https://ADDR/logs/other", "403"},
		{curl + "-w '%{http_code}' -o /dev/null https://ADDR/logs", "401"},
		{curl + "https://ADDR/livez", "alive\n"},
		{curl + "--tls-max 1.1 https://ADDR/livez || echo refused", "refused\n"},
		{"curl -s https://ADDR/livez || echo not trusted", "not trusted\n"},
		{"curl -s -w '%{http_code}' -o /dev/null http://ADDR/logs", "401"},
	} {
		if got := shell(t, s, strings.ReplaceAll(c.line, "ADDR", s.Addr)); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
	s.Stop()
	s.Run("verify")
}
