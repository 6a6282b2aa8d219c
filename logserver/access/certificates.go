package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Files are those that certificates lie in, as PEM.
type Files struct {
	Cert string // the server's, with those between it and its CA
	Key  string // its key
	CA   string // CAs of client certificates; "": clients need none
}

// FileError is what is wrong with one of the Files.
type FileError struct {
	Which Which
	Err   error
}

// Which of the Files.
type Which uint8

// Where it is about certificate and key together, it is CertFile.
const (
	CertFile Which = iota
	KeyFile
	CAFile
)

func (e *FileError) Error() string { return e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

var (
	errNoCA     = errors.New("no certificate in it: want the CA of client certificates, as PEM")
	errNotYet   = errors.New("the certificate is not valid yet")
	errOutdated = errors.New("the certificate has expired")
)

// Certificates are the server's certificate and the CAs of its clients', as last read in
// order. Its methods may be called by any number of goroutines; Reload by one at a time.
type Certificates struct {
	files Files
	// Optional tells that clients may do without a certificate, as they have tokens.
	optional bool

	config  atomic.Pointer[tls.Config]
	expires atomic.Int64 // Unix time
	stale   atomic.Bool
	seen    [3]state // of the files when they were last read; owned by who reloads
}

// NewCertificates reads the files. With optional, clients may do without a certificate.
// Errors are *FileError.
func NewCertificates(files Files, optional bool) (*Certificates, error) {
	c := &Certificates{files: files, optional: optional}
	return c, c.Reload()
}

// Config returns the configuration for the next connection.
func (c *Certificates) Config() *tls.Config { return c.config.Load() }

// Expires returns until when the server's certificate is valid.
func (c *Certificates) Expires() time.Time { return time.Unix(c.expires.Load(), 0) }

// ClientCA tells whether client certificates are checked.
func (c *Certificates) ClientCA() bool { return c.files.CA != "" }

// Stale tells whether the files were not in order the last time.
func (c *Certificates) Stale() bool { return c.stale.Load() }

// Changed tells whether a file is another than when they were last read.
func (c *Certificates) Changed() bool { return c.look() != c.seen }

// Reload reads the files again. With an error (*FileError) what was in force stays.
func (c *Certificates) Reload() error {
	err := c.read()
	c.stale.Store(err != nil)
	return err
}

func (c *Certificates) read() error {
	c.seen = c.look() // before they are read, so that no later change is missed
	pair, err := readPair(c.files, time.Now())
	if err != nil {
		return err
	}
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		Certificates:                []tls.Certificate{pair},
		DynamicRecordSizingDisabled: true, // lines go out as they come anyway
	}
	if c.ClientCA() {
		if config.ClientCAs, err = readCA(c.files.CA); err != nil {
			return &FileError{CAFile, err}
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if c.optional {
			config.ClientAuth = tls.VerifyClientCertIfGiven
		}
		// A ticket would stand for a certificate that may not be trusted any more.
		config.SessionTicketsDisabled = true
	}
	c.config.Store(config)
	c.expires.Store(pair.Leaf.NotAfter.Unix())
	return nil
}

func readPair(files Files, now time.Time) (tls.Certificate, error) {
	cert, err := os.ReadFile(files.Cert)
	if err != nil {
		return tls.Certificate{}, &FileError{CertFile, err}
	}
	key, err := os.ReadFile(files.Key)
	if err != nil {
		return tls.Certificate{}, &FileError{KeyFile, err}
	}
	pair, err := tls.X509KeyPair(cert, key)
	switch {
	case err != nil:
		return pair, &FileError{CertFile, fmt.Errorf("certificate and key: %w", err)}
	case now.After(pair.Leaf.NotAfter):
		return pair, &FileError{CertFile, fmt.Errorf("%w on %s", errOutdated, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))}
	case now.Before(pair.Leaf.NotBefore):
		return pair, &FileError{CertFile, fmt.Errorf("%w, but from %s on", errNotYet, pair.Leaf.NotBefore.UTC().Format(time.RFC3339))}
	}
	return pair, nil
}

func readCA(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errNoCA
	}
	return pool, nil
}

// state is what tells one content of a file from another.
type state struct {
	modified int64 // Unix time in nanoseconds
	size     int64
	missing  bool
}

func (c *Certificates) look() (now [3]state) {
	for i, name := range []string{c.files.Cert, c.files.Key, c.files.CA} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			now[i].missing = true
			continue
		}
		now[i] = state{modified: info.ModTime().UnixNano(), size: info.Size()}
	}
	return now
}
