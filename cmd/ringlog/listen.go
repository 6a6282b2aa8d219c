package main

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/rs/zerolog"
)

// listen opens what is served on: the sockets that a service manager has passed on (LISTEN_FDS), or
// else the port.
func listen(config *Config) ([]net.Listener, error) {
	if passed := activation.Files(true); len(passed) > 0 {
		var listeners []net.Listener
		var failed error
		for _, file := range passed {
			listener, err := net.FileListener(file)
			if err == nil {
				listeners = append(listeners, listener)
				err = config.checkPassed(listener.Addr())
			}
			if err != nil {
				failed = errors.Join(failed, configErrorf("%s: want a stream socket that listens, of those in LISTEN_FDS: %w", file.Name(), err))
			}
			file.Close()
		}
		if failed != nil {
			closeAll(listeners)
			return nil, failed
		}
		return listeners, nil
	}
	address := net.JoinHostPort(config.Host, strconv.FormatInt(int64(config.Port), 10))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, configErrorf("HOST, PORT: want an address of this machine and a free port: %w", err)
	}
	return []net.Listener{listener}, nil
}

func closeAll(listeners []net.Listener) {
	for _, listener := range listeners {
		_ = listener.Close()
	}
}

// checkPassed is checkExposure for a socket that was passed on. One of the file system has the rights of
// its file.
func (c *Config) checkPassed(address net.Addr) error {
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return nil
	}
	passed := *c
	passed.Host = tcp.IP.String()
	return passed.checkExposure()
}

// warnOfExposure says at each start where strangers may come in, and what they may see.
func (c *Config) warnOfExposure(listeners []net.Listener, logger zerolog.Logger) {
	exposed := c.exposure()
	for _, listener := range listeners {
		if tcp, ok := listener.Addr().(*net.TCPAddr); ok && exposed != "" && !tcp.IP.IsLoopback() {
			logger.Warn().Stringer("host", tcp.IP).Msg(exposed)
		}
	}
}

// addresses is how a log line names what is served on.
func addresses(listeners []net.Listener) string {
	var names []string
	for _, listener := range listeners {
		names = append(names, listener.Addr().String())
	}
	return strings.Join(names, ", ")
}
