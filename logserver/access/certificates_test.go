package access_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/logserver/access/accesstest"
)

// files are written into a directory of the test's own.
func files(t *testing.T) (*accesstest.CA, string, access.Files) {
	t.Helper()
	ca, dir := accesstest.NewCA(t), t.TempDir()
	cert, key := ca.Server(nil)
	ca.Write(dir, cert, key)
	return ca, dir, access.Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), CA: filepath.Join(dir, "ca.pem")}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCertificates(t *testing.T) {
	_, _, f := files(t)
	c, err := access.NewCertificates(f, false)
	if err != nil || c.Changed() || c.Stale() || !c.ClientCA() || time.Until(c.Expires()) < time.Minute {
		t.Fatal(err)
	}
	if config := c.Config(); config.MinVersion != tls.VersionTLS12 || config.ClientAuth != tls.RequireAndVerifyClientCert || !config.SessionTicketsDisabled {
		t.Errorf("%+v", config)
	}
	if c, err := access.NewCertificates(f, true); err != nil || c.Config().ClientAuth != tls.VerifyClientCertIfGiven {
		t.Error(err)
	}
	f.CA = ""
	if c, err := access.NewCertificates(f, false); err != nil || c.ClientCA() || c.Config().ClientAuth != tls.NoClientCert {
		t.Error(err)
	}
}

// Files that are not in order are refused at a start, and change nothing later.
func TestBadCertificates(t *testing.T) {
	ca, dir, f := files(t)
	good, err := access.NewCertificates(f, false)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := ca.Server(nil)
	_, otherKey := ca.Server(nil)
	expired, expiredKey := ca.Server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early, earlyKey := ca.Server(func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	for name, bad := range map[string]struct {
		cert, key, ca []byte
		which         access.Which
	}{
		"garbage":              {[]byte("garbage"), key, ca.PEM(), access.CertFile},
		"empty":                {nil, key, ca.PEM(), access.CertFile},
		"cut off":              {cert[:len(cert)/2], key, ca.PEM(), access.CertFile},
		"another's key":        {cert, otherKey, ca.PEM(), access.CertFile},
		"a garbage key":        {cert, []byte("garbage"), ca.PEM(), access.CertFile},
		"expired":              {expired, expiredKey, ca.PEM(), access.CertFile},
		"not valid yet":        {early, earlyKey, ca.PEM(), access.CertFile},
		"a garbage CA":         {cert, key, []byte("garbage"), access.CAFile},
		"a key in the CA":      {cert, key, key, access.CAFile},
		"an empty CA":          {cert, key, nil, access.CAFile},
		"certificates crossed": {key, cert, ca.PEM(), access.CertFile},
	} {
		write(t, f.Cert, bad.cert)
		write(t, f.Key, bad.key)
		write(t, f.CA, bad.ca)
		before := good.Config()
		var file *access.FileError
		if err := good.Reload(); !errors.As(err, &file) || file.Which != bad.which || good.Config() != before || !good.Stale() {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := access.NewCertificates(f, false); err == nil {
			t.Errorf("%s: a start took it", name)
		}
	}
	for _, name := range []string{"cert.pem", "key.pem", "ca.pem"} {
		ca.Write(dir, cert, key)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if err := good.Reload(); err == nil {
			t.Errorf("without %s", name)
		}
	}
	ca.Write(dir, cert, key)
	if err := good.Reload(); err != nil || good.Stale() {
		t.Error(err)
	}
}

func TestChanged(t *testing.T) {
	ca, dir, f := files(t)
	c, err := access.NewCertificates(f, false)
	if err != nil {
		t.Fatal(err)
	}
	before := c.Config()
	cert, key := ca.Server(func(c *x509.Certificate) { c.DNSNames = append(c.DNSNames, "another.example") })
	for _, change := range []func(){
		func() { ca.Write(dir, cert, key) },
		func() { write(t, f.CA, append(ca.PEM(), accesstest.NewCA(t).PEM()...)) },
		func() { os.Remove(f.Key) },
		func() { write(t, f.Key, key) },
		func() { // as secrets are changed that are mounted: by a link
			dir := t.TempDir()
			ca.Write(dir, cert, key)
			if err := errors.Join(os.Remove(f.Cert), os.Symlink(filepath.Join(dir, "cert.pem"), f.Cert)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if c.Changed() {
			t.Fatal("nothing was changed yet")
		}
		change()
		if !c.Changed() {
			t.Fatal("it was not noticed")
		}
		_ = c.Reload()
	}
	if c.Stale() || c.Config() == before {
		t.Error("the new ones are not in force")
	}
}
