package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Whoever can't show a node's certificate of our CA gets no answer but TLS's, and does nothing.
func TestHostileCertificates(t *testing.T) {
	h := startTarget(t, nil)
	elsewhere, _ := certificates(t, "n2")
	show := func(pair tls.Certificate) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}
	}
	good := forge(t, h.dir, "n2", func(*x509.Certificate) {})
	old := show(good)
	old.MaxVersion = tls.VersionTLS12
	selfSigned := func() tls.Certificate {
		dir := t.TempDir()
		if err := certify(dir, "c", "k", nodeTemplate("n2", time.Now()), nil); err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(dir+"/c", dir+"/k")
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	for name, c := range map[string]struct {
		config *tls.Config // nil: plain text
		want   string
	}{
		"plain text":     {nil, "does not look like a TLS handshake"},
		"no certificate": {&tls.Config{InsecureSkipVerify: true}, "didn't provide a certificate"},
		"another CA":     {show(forge(t, elsewhere, "n2", func(*x509.Certificate) {})), "unknown authority"},
		"self-signed":    {show(selfSigned()), "unknown authority"},
		"expired": {show(forge(t, h.dir, "n2", func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		})), "expired"},
		"not yet valid": {show(forge(t, h.dir, "n2", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })), "not yet valid"},
		"for servers only": {show(forge(t, h.dir, "n2", func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		})), "incompatible key usage"},
		"TLS 1.2": {old, "unsupported versions"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := h.dialTarget(t, c.config)
			if err == nil {
				_, _ = c.Write(frameOf(helloOf(second())))
				if answer := said(t, c); answer != "" {
					t.Errorf("it was answered %q", answer)
				}
			}
		})
		if err := h.why(t); !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	h.healthy(t)
}

// A node of our CA that has no business here is told what to do.
func TestHostileIdentities(t *testing.T) {
	h := startTarget(t, func(o *Options) {
		o.Admit = func(i Identity) error {
			if i.Incarnation == 4 {
				return errors.New("too old")
			}
			return nil
		}
	})
	client := func(c *x509.Certificate) { c.URIs = nil }
	strange := func(uri string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.URIs = []*url.URL{must(url.Parse(uri))} }
	}
	change := func(f func(*hello)) *hello {
		said := helloOf(second())
		said.Incarnation = 5
		f(said)
		return said
	}
	node2 := h.good
	for name, c := range map[string]struct {
		config *tls.Config
		hello  *hello
		want   string
	}{
		"a client's role":     {h.with(forge(t, h.dir, "n2", client)), change(func(*hello) {}), "is not a node's: want one with the URI"},
		"another role":        {h.with(forge(t, h.dir, "n2", strange("ringlog://client/n2"))), change(func(*hello) {}), "is not a node's"},
		"a role without name": {h.with(forge(t, h.dir, "n2", strange("ringlog://node/"))), change(func(*hello) {}), "is not a node's"},
		"a bad name":          {h.with(forge(t, h.dir, "n2", strange("ringlog://node/a/b"))), change(func(*hello) {}), "is not a node's"},
		"another node's name": {node2, change(func(h *hello) { h.Name = "n3" }), "its certificate is that of n2"},
		"another cluster":     {node2, change(func(h *hello) { h.Cluster[0]++ }), "belongs to cluster"},
		"no cluster":          {node2, change(func(h *hello) { h.Cluster = [16]byte{} }), "it joins first"},
		"no number":           {node2, change(func(h *hello) { h.Number = 0 }), "it joins first"},
		"our own number":      {node2, change(func(h *hello) { h.Number = 1 }), "a copy of a node's data must not run beside it"},
		"another's address":   {node2, change(func(h *hello) { h.to = 3 }), "correct the address that node 3 is known by"},
		"another node's id":   {node2, change(func(h *hello) { h.Node[0]++ }), "let it join with an empty directory"},
		"another's number":    {h.with(forge(t, h.dir, "n9", func(*x509.Certificate) {})), change(func(h *hello) { h.Name = "n9" }), "node 2 is called n2"},
		"Admit":               {node2, change(func(h *hello) { h.Incarnation = 4 }), "too old"},
	} {
		err := h.refusal(t, c.config, c.hello)
		if Code(err) == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if why := h.why(t); !strings.Contains(why.Error(), c.want) {
			t.Errorf("%s: the node itself says %v", name, why)
		}
	}
	h.healthy(t)
	h = startTarget(t, nil)
	unknown := change(func(h *hello) { h.Number, h.Name = 9, "n9" })
	if err := h.refusal(t, h.with(forge(t, h.dir, "n9", func(*x509.Certificate) {})), unknown); err == nil || !strings.Contains(err.Error(), "is no member of the cluster") {
		t.Errorf("an unknown number: %v", err)
	}
	newer := helloOf(second()).append(nil)
	newer[len(magic)]++
	c, err := h.dialTarget(t, h.good)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Write(appendFrame(nil, frameHello, newer))
	if answer := said(t, c); !strings.Contains(answer, "version 1 here, not 2") {
		t.Errorf("a newer version: %q", answer)
	}
	h.healthy(t)
}
