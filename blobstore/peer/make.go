package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// The names of the files that MakeCA and MakeNode make in a directory; a node's are NAME and the suffixes.
const (
	CAFile     = "ca.pem"
	CAKeyFile  = "ca-key.pem"
	CertSuffix = ".pem"
	KeySuffix  = "-key.pem"
)

// How long certificates are valid that are made here.
const (
	caYears   = 20
	nodeYears = 5
)

// MakeCA makes the CA of a cluster's nodes in a directory: CAFile, for every node, and CAKeyFile, which no node
// needs. Files that exist are not touched, but an os.ErrExist.
func MakeCA(dir string) error {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "Ringlog nodes"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(caYears, 0, 0),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return certify(dir, CAFile, CAKeyFile, template, nil)
}

// MakeNode makes the certificate and key of a node, signed by the CA that MakeCA has made in the directory. hosts are
// the addresses and names under which it is reached; links don't need them. Files that exist are not touched, but an
// os.ErrExist.
func MakeNode(dir, name string, hosts ...string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if name+CertSuffix == CAFile || name+CertSuffix == CAKeyFile {
		return fmt.Errorf("name %q of a node: that is the CA's; choose another", name)
	}
	ca, err := tls.LoadX509KeyPair(filepath.Join(dir, CAFile), filepath.Join(dir, CAKeyFile))
	if err != nil {
		return fmt.Errorf("the CA in %s: %w", dir, err)
	}
	template := nodeTemplate(name, time.Now())
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	return certify(dir, name+CertSuffix, name+KeySuffix, template, &ca)
}

func nodeTemplate(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(nodeYears, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{{Scheme: "ringlog", Host: "node", Path: "/" + name}},
	}
}

func serial() *big.Int {
	n, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // never fails
	return n
}

// certify writes a certificate and its key, signed by the CA, or by itself without one.
func certify(dir, certFile, keyFile string, template *x509.Certificate, ca *tls.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	parent, signer := template, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	keyPath, certPath := filepath.Join(dir, keyFile), filepath.Join(dir, certFile)
	if _, err := os.Lstat(certPath); err == nil {
		return fmt.Errorf("%s: %w", certPath, os.ErrExist)
	}
	if err := writePEM(keyPath, "PRIVATE KEY", secret); err != nil {
		return err
	}
	if err := writePEM(certPath, "CERTIFICATE", cert); err != nil {
		return errors.Join(err, os.Remove(keyPath))
	}
	return nil
}

// writePEM writes a new file for its owner alone.
func writePEM(path, kind string, der []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
