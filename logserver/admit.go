package logserver

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/protocol"
)

// admission is what a connection may do, and has to do first. It is owned by the connection's
// goroutine. Most connections of a server share one, in which everything is allowed.
type admission struct {
	grant    *access.Grant // nil: nothing without a token
	wantsTLS bool          // nothing outside of TLS
	revoked  func() bool   // ends the watch over the grant; nil: nothing is watched
}

var admitted = &admission{grant: access.Everything}

// maxUnknown is how long a line may be of somebody who has not said a token yet.
const maxUnknown = 8 << 10

// admit says what a connection begins with.
func (s *Server) admit(nc net.Conn) *admission {
	o := &s.options
	if o.Guard == nil && o.Certificates == nil {
		return admitted
	}
	sealed, inTLS := nc.(*sealed)
	verified := inTLS && len(sealed.ConnectionState().VerifiedChains) > 0
	byCertificate := o.Guard == nil && o.Certificates.ClientCA() // and by nothing else
	a := &admission{}
	if !inTLS && o.Certificates != nil {
		a.wantsTLS = byCertificate || !o.AllowPlain && !local(nc)
	}
	if verified || o.Guard == nil && !byCertificate {
		a.grant = access.Everything
	}
	return a
}

// address is who is at the other end; not valid where that is no address of IP.
func address(nc net.Conn) netip.Addr {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// local tells whether a connection comes from this machine.
func local(nc net.Conn) bool {
	_, file := nc.RemoteAddr().(*net.UnixAddr)
	return file || address(nc).IsLoopback()
}

// admitted tells whether the connection may say something else than who it is.
func (a *admission) admitted() bool { return a.grant != nil && !a.wantsTLS }

// may tells whether one of the scopes is granted for a log. The connection is admitted.
func (a *admission) may(s access.Scope, log []byte) bool {
	if a.grant.MayAll(s) {
		return true
	}
	if log == nil {
		log = mainLog
	}
	return a.grant.May(s, string(log))
}

// begins takes in what the connection speaks. An error says that it ends here: with a farewell,
// or to be handed over (errHTTP, errTLS).
//
//go:noinline // see connection.debug
func (c *connection) begins(speaks spoken) (farewell string, err error) {
	_, inTLS := c.net.(*sealed)
	switch {
	case speaks == speaksHTTP && c.limits.HTTP != nil:
		return "", errHTTP
	case speaks == speaksTLS && !inTLS && c.limits.Certificates != nil:
		return "", errTLS
	case speaks == speaksTLS && !inTLS:
		farewell = protocol.ErrorNoTLS
	case c.wantsTLS:
		farewell = protocol.ErrorTLSWanted
	default:
		if !c.admitted() {
			c.lines.SetLimit(maxUnknown)
		}
		return "", nil
	}
	c.log.refusals.Warn(*c.logger(), farewell)
	return farewell, errors.New(farewell)
}

// handleAuth takes a token.
func (c *connection) handleAuth(token []byte) (farewell string) {
	if c.limits.Guard != nil {
		grant, err := c.limits.Guard.Check(token, address(c.net))
		switch {
		case errors.Is(err, access.ErrTooMany):
			return protocol.ErrorTooManyTokens
		case err != nil:
			c.log.refusals.Warn(*c.logger(), "a wrong token came")
			return protocol.ErrorUnauthorized
		}
		c.take(grant)
	}
	c.out.say(protocol.AppendAuth(nil))
	return ""
}

// take makes grant what the connection may do, until it is revoked: that cuts it.
func (c *connection) take(grant *access.Grant) {
	c.unwatch()
	c.grant = grant
	c.revoked = context.AfterFunc(grant.Revoked(), c.cut)
	c.lines.SetLimit(c.log.options.MaxEntry + protocol.Envelope)
}

// unwatch ends the watch over the grant.
func (c *connection) unwatch() {
	if c.revoked != nil {
		c.revoked()
		c.revoked = nil
	}
}
