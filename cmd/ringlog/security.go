package main

import (
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/access"
)

// security is what tells who may do what; what is nil is not wanted.
type security struct {
	guard        *access.Guard
	certificates *access.Certificates
	peers        *peer.Certificates // between nodes
}

// secure reads the files of tokens and certificates, those between nodes as well.
func (c *Config) secure() (*security, error) {
	if err := c.checkCluster(); err != nil {
		return nil, err
	}
	s := &security{}
	var err error
	if c.Tokens != "" {
		if s.guard, err = access.OpenGuard(c.Tokens); err != nil {
			return nil, configErrorf("%s: want a file of tokens: %w", originOf("TOKENS"), err)
		}
	}
	if c.TLSCert != "" {
		files := access.Files{Cert: c.TLSCert, Key: c.TLSKey, CA: c.TLSCA}
		if s.certificates, err = access.NewCertificates(files, s.guard != nil); err != nil {
			return nil, configErrorf("%s: %w", certificateVariable(err), err)
		}
	}
	if c.PeerPort != "" {
		if s.peers, err = peerCertificates(c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// certificateVariable is the variable of the file that an error is about.
func certificateVariable(err error) string {
	var file *access.FileError
	if errors.As(err, &file) {
		switch file.Which {
		case access.KeyFile:
			return originOf("TLS_KEY")
		case access.CAFile:
			return originOf("TLS_CA")
		}
	}
	return originOf("TLS_CERT")
}

func originOf(name string) string {
	return variable{name: name}.origin()
}

// guarded tells whether a token or a certificate is wanted of somebody.
func (c *Config) guarded() bool { return c.Tokens != "" || c.TLSCA != "" }

// exposure is what is not protected on an address that others reach; "": all is.
func (c *Config) exposure() string {
	switch {
	case !c.guarded():
		return "INSECURE: anyone who reaches this address may read and append"
	case c.TLSCert == "":
		return "no TLS_CERT: tokens and entries can be read on their way"
	case bool(c.Insecure) && c.Tokens != "": // a certificate comes with TLS only
		return "INSECURE: connections without TLS are served; what they send can be read on its way"
	}
	return ""
}

// lookEvery is how often it is seen whether certificates have changed.
const lookEvery = 5 * time.Second

// keeper reads files again while the server runs.
type keeper struct {
	*security
	logger zerolog.Logger
	done   chan struct{}
	ended  sync.WaitGroup
}

// keep reads everything again when told to, and certificates also when they change, until
// stop. What is not in order is logged, and what was in force stays.
func (s *security) keep(logger zerolog.Logger, again <-chan struct{}) *keeper {
	k := &keeper{security: s, logger: logger, done: make(chan struct{})}
	k.ended.Go(func() {
		ticker := time.NewTicker(lookEvery)
		defer ticker.Stop()
		for {
			select {
			case <-again:
				k.again()
			case <-ticker.C:
				if s.certificates != nil && s.certificates.Changed() {
					k.readCertificates()
				}
			case <-k.done:
				return
			}
		}
	})
	return k
}

func (k *keeper) stop() {
	close(k.done)
	k.ended.Wait()
}

func (k *keeper) again() {
	if k.certificates == nil && k.guard == nil && k.peers == nil {
		k.logger.Info().Msg("HUP: nothing to read again")
	}
	if k.certificates != nil {
		k.readCertificates()
	}
	if k.peers != nil {
		k.readPeers()
	}
	if k.guard != nil {
		k.readTokens()
	}
}

func (k *keeper) readTokens() {
	if err := k.guard.Reload(); err != nil {
		k.logger.Error().Err(err).Msg("ALARM: the file of tokens is not in order; those read before stay valid")
		return
	}
	k.logger.Info().Int("tokens", k.guard.Len()).Msg("tokens were read again")
}

// readPeers reads the certificates between nodes again: links made from now on show and want them.
func (k *keeper) readPeers() {
	if err := k.peers.Reload(); err != nil {
		k.logger.Error().Err(err).Msg("ALARM: the certificates between nodes are not in order; those read before stay in force")
		return
	}
	k.logger.Info().Time("expires", k.peers.Expires()).Msg("certificates between nodes were read again")
}

func (k *keeper) readCertificates() {
	if err := k.certificates.Reload(); err != nil {
		k.logger.Error().Err(err).Msg("ALARM: the certificates are not in order; those read before stay in force")
		return
	}
	k.logger.Info().Time("expires", k.certificates.Expires()).Msg("certificates were read again")
}
