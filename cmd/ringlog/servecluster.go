package main

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// clusterOptions are what the environment says of this node and of the others.
func clusterOptions(config *Config, certificates *peer.Certificates, clients net.Addr, logger zerolog.Logger) (o cluster.Options, err error) {
	c := &config.Cluster
	o = cluster.Options{
		Name: c.Node, Zone: c.Zone, Region: c.Region, Metadata: c.Metadata, Peers: c.Peers, Expect: int(c.Expect),
		Certificates: certificates,
	}
	if o.Certificates == nil {
		logger.Warn().Msg("INSECURE: nodes speak in plain text, and whoever reaches the peer port may do what a node may")
	}
	for _, name := range []string{c.Node, c.Zone, c.Region} {
		if len(name) > 63 || !utf8.ValidString(name) {
			return o, configErrorf("NODE, ZONE, REGION: want names of up to 63 bytes, not %q", name)
		}
	}
	if c.Node != "" && peer.CheckName(c.Node) != nil {
		return o, configErrorf("NODE: %w", peer.CheckName(c.Node))
	}
	if c.Node != "" && o.Certificates != nil && o.Certificates.Name() != c.Node {
		return o, configErrorf("NODE: want %s, the name in PEER_CERT, not %s", o.Certificates.Name(), c.Node)
	}
	if c.Expect > 1 && int(c.Expect) > len(c.Peers)+1 {
		return o, configErrorf("EXPECT: %d nodes are to found the cluster, and PEERS names %d: want the others in PEERS", c.Expect, len(c.Peers))
	}
	for _, address := range c.Peers {
		if !dialable(address) {
			return o, configErrorf("PEERS: want addresses, host:port, with commas between, and ports from 1 to 65535, not %q", address)
		}
	}
	listen, err := peerAddress(config)
	if err != nil {
		return o, err
	}
	if o.Listener, err = net.Listen("tcp", listen); err != nil {
		return o, configErrorf("PEER_PORT: want an address of this machine and a free port: %w", err)
	}
	if o.Address, err = advertised(c.Advertise, o.Listener.Addr()); err != nil {
		return o, errors.Join(err, o.Listener.Close())
	}
	o.Clients = clientAddress(clients, o.Address)
	return o, nil
}

// dialable tells whether an address is a host and a port that a node may be at.
func dialable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	n, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && n > 0 && host != "" && !strings.ContainsAny(host, "/ \t")
}

// peerCertificates loads the certificates between nodes; nil without an error: plain text is allowed.
func peerCertificates(config *Config) (*peer.Certificates, error) {
	c := &config.Cluster
	switch {
	case c.PeerCert != "" && c.PeerKey != "" && c.PeerCA != "":
		certificates, err := peer.LoadCertificates(c.PeerCert, c.PeerKey, c.PeerCA)
		if err != nil {
			return nil, configErrorf("PEER_CERT, PEER_KEY, PEER_CA: %w", err)
		}
		return certificates, nil
	case c.PeerCert != "" || c.PeerKey != "" || c.PeerCA != "":
		return nil, configErrorf("PEER_CERT, PEER_KEY, PEER_CA: want all three: see `ringlog cluster certs`")
	case !bool(config.Insecure):
		return nil, configErrorf("PEER_PORT: want PEER_CERT, PEER_KEY and PEER_CA beside it (`ringlog cluster certs` makes them), or INSECURE=true")
	}
	return nil, nil
}

// peerAddress is where other nodes connect: on all addresses of the machine, unless one is named or
// nobody's certificate is looked at.
func peerAddress(config *Config) (string, error) {
	text := config.PeerPort
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = "", text
		if config.PeerCert == "" {
			host = "127.0.0.1"
		}
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == uint64(config.Port) && n != 0 {
		return "", configErrorf("PEER_PORT: want a port, or host:port, another than PORT, not %q", text)
	}
	return net.JoinHostPort(host, port), nil
}

// advertised is the address that other nodes are told: what ADVERTISE says, as far as it says anything.
func advertised(text string, listening net.Addr) (string, error) {
	host, port, _ := net.SplitHostPort(listening.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host, _ = os.Hostname()
	}
	if text != "" {
		if h, p, err := net.SplitHostPort(text); err == nil {
			host, port = h, p
		} else {
			host = strings.Trim(text, "[]")
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	ip := net.ParseIP(host)
	if err != nil || number == 0 || host == "" || ip == nil && strings.ContainsAny(host, ":/ \t") || ip != nil && ip.IsUnspecified() {
		return "", configErrorf("ADVERTISE: want an address at which other nodes reach this one, host or host:port, not %q", text)
	}
	return net.JoinHostPort(host, port), nil
}

// clientAddress is the address that clients of other nodes are told.
func clientAddress(listening net.Addr, peerAddress string) string {
	host, port, _ := net.SplitHostPort(listening.String())
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host, _, _ = net.SplitHostPort(peerAddress)
	}
	return net.JoinHostPort(host, port)
}
