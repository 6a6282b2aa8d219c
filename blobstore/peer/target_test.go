package peer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// target is a node of a test that strangers connect to; its peer is node 2, which has no address.
type target struct {
	*node
	dir     string
	good    *tls.Config // of n2
	refused chan error
}

func startTarget(t *testing.T, change func(*Options)) *target {
	t.Helper()
	dir, certs := certificates(t, "n1", "n2")
	h := &target{dir: dir, good: certs[1].Config(), refused: make(chan error, 1000)}
	h.node = startNode(t, 1, func(o *Options) {
		o.TLS = certs[0].Config()
		o.Hooks.Refused = func(_ string, err error) { h.refused <- err }
		o.Serve = map[string]Method{"echo": func(_ context.Context, _ Caller, request []byte) ([]byte, error) { return request, nil }}
		if change != nil {
			change(o)
		}
	})
	h.SetPeers(map[uint64]Peer{2: {Node: [16]byte{2}, Name: "n2"}})
	return h
}

// second is the identity of node 2.
func second() Identity {
	return Identity{Cluster: cluster, Node: [16]byte{2}, Number: 2, Name: "n2", Incarnation: 1}
}

// healthy wants the target to serve a link and a call as ever.
func (h *target) healthy(t *testing.T) {
	t.Helper()
	n := startNode(t, 2, func(o *Options) { o.TLS = h.good })
	defer n.Close()
	n.SetPeers(map[uint64]Peer{1: h.peer()})
	n.Send(1, 7, []byte("good"))
	if got := h.arrived(1); len(got) != 1 || got[0] != (arrival{2, 7, "good"}) {
		t.Errorf("what came: %+v", got)
	}
	await(t, "a call", func() bool { // it may be too slow once, where OpenTime is short
		got, err := n.Call(t.Context(), h.address, "echo", []byte("x"))
		return err == nil && string(got) == "x"
	})
}

// why waits until somebody was refused.
func (h *target) why(t *testing.T) error {
	t.Helper()
	select {
	case err := <-h.refused:
		return err
	case <-time.After(patience):
		t.Fatal("nobody was refused")
	}
	return nil
}

// dialTarget opens a connection, by TLS if there is a configuration. A handshake that fails is told.
func (h *target) dialTarget(t *testing.T, config *tls.Config) (net.Conn, error) {
	t.Helper()
	nc, err := net.Dial("tcp", h.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	if config == nil {
		return nc, nil
	}
	c := tls.Client(nc, config)
	return c, c.Handshake()
}

// connected is dialTarget as node 2. On a machine that is busy it may take more than one attempt to be in time.
func (h *target) connected(t *testing.T) (c net.Conn) {
	t.Helper()
	await(t, "a connection", func() (ok bool) {
		var err error
		c, err = h.dialTarget(t, h.good)
		return err == nil
	})
	return c
}

// said is all that the other end says before it closes.
func said(t *testing.T, c net.Conn) string {
	t.Helper()
	all, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection isn't closed")
	}
	return string(all)
}

// helloOf is a link's hello.
func helloOf(i Identity) *hello {
	return &hello{purpose: forLink, Identity: i, to: 1, start: 5, connection: 6}
}

func frameOf(h *hello) []byte { return appendFrame(nil, frameHello, h.append(nil)) }

// forge makes a certificate signed by the CA in a directory.
func forge(t *testing.T, dir, name string, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	made := forgeFiles(t, dir, name, change)
	pair, err := tls.LoadX509KeyPair(made+"/c", made+"/k")
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// forgeFiles is forge that returns the directory of the files c and k.
func forgeFiles(t *testing.T, dir, name string, change func(*x509.Certificate)) string {
	t.Helper()
	ca, err := tls.LoadX509KeyPair(dir+"/"+CAFile, dir+"/"+CAKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	template := nodeTemplate(name, time.Now())
	change(template)
	made := t.TempDir()
	if err := certify(made, "c", "k", template, &ca); err != nil {
		t.Fatal(err)
	}
	return made
}

// with is the configuration of node 2, with another certificate.
func (h *target) with(pair tls.Certificate) *tls.Config {
	config := h.good.Clone()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return config
}

// refusal is what a hello is answered.
func (h *target) refusal(t *testing.T, config *tls.Config, hello *hello) error {
	t.Helper()
	c, err := h.dialTarget(t, config)
	if err != nil {
		t.Fatal(err)
	}
	conn := newConnection(c, h.address, true)
	_, err = conn.introduce(hello)
	return err
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// spoil is a frame whose header was changed; its checksum is right.
func spoil(kind frameType, length, rest uint32, payload []byte) []byte {
	h := header{kind: kind, message: 1, length: length, rest: rest, sequence: 1}
	return append(h.append(nil, payload), payload...)
}
