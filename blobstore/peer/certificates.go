package peer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Certificates are a node's certificate and key, and the CA that signs those of all nodes, as files.
type Certificates struct {
	cert, key, ca string // the files

	mu      sync.Mutex // guards the following
	current loaded
}

type loaded struct {
	cert  *tls.Certificate
	roots *x509.CertPool
	name  string
}

// LoadCertificates reads the files that PEER_CERT, PEER_KEY and PEER_CA name. The error says what is wrong with
// which: the certificate must be a node's, signed by the CA, and valid now.
func LoadCertificates(cert, key, ca string) (*Certificates, error) {
	c := &Certificates{cert: cert, key: key, ca: ca}
	return c, c.Reload()
}

// Reload reads the files again. After an error all is as it was. Connections that are open stay open.
func (c *Certificates) Reload() error {
	fresh, err := load(c.cert, c.key, c.ca)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.current.name; old != "" && fresh.name != old {
		return fmt.Errorf("%s: the certificate of node %s, not of %s: a node keeps its name", c.cert, fresh.name, old)
	}
	c.current = fresh
	return nil
}

func load(cert, key, ca string) (loaded, error) {
	bytes, err := os.ReadFile(ca)
	if err != nil {
		return loaded{}, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bytes) {
		return loaded{}, fmt.Errorf("%s: no certificate in PEM in it", ca)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return loaded{}, fmt.Errorf("%s and %s: want a certificate and its key in PEM: %w", cert, key, err)
	}
	name, err := nodeName([]*x509.Certificate{pair.Leaf})
	if err != nil {
		return loaded{}, fmt.Errorf("%s: %w", cert, err)
	}
	chain := []*x509.Certificate{pair.Leaf}
	for _, der := range pair.Certificate[1:] {
		if next, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, next)
		}
	}
	if err := verify(roots, chain); err != nil {
		return loaded{}, fmt.Errorf("%s: not signed by %s, or not valid now: %w", cert, ca, err)
	}
	return loaded{&pair, roots, name}, nil
}

// verify tells whether a chain leads to the CA and is valid now.
func verify(roots *x509.CertPool, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("no certificate")
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
		options := x509.VerifyOptions{Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}}
		if _, err := chain[0].Verify(options); err != nil {
			return err
		}
	}
	return nil
}

func (c *Certificates) now() loaded {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// Name is the node's name, as its certificate says.
func (c *Certificates) Name() string { return c.now().name }

// Expires is when the certificate expires; before, it is to be replaced and read again.
func (c *Certificates) Expires() time.Time { return c.now().cert.Leaf.NotAfter }

// Config is for Options.TLS: TLS 1.3 in which both ends show a certificate that the CA has signed. It follows Reload.
// Whether a certificate is that of a node, and of which, is for the Links to judge.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		// What follows verifies more than this would: nodes have names, not hosts.
		InsecureSkipVerify:   true,
		VerifyConnection:     func(s tls.ConnectionState) error { return verify(c.now().roots, s.PeerCertificates) },
		GetCertificate:       func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now().cert, nil },
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.now().cert, nil },
	}
}
