package web

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/access"
	"github.com/ringlog/ringlog/protocol"
)

type peerKey struct{}

// peer is who asks.
func peer(r *http.Request) logserver.Peer {
	p, _ := r.Context().Value(peerKey{}).(logserver.Peer)
	return p
}

// anyLog has allowed want a grant for every log there may be.
const anyLog = ""

// allowed has h done only for those who are granted one of the scopes for a log.
func (s *Site) allowed(scope access.Scope, log string, h handler) handler {
	return s.known(func(a *answer, r *http.Request) *failure {
		if !a.grant.MayAll(scope) && (log == anyLog || !a.grant.May(scope, log)) {
			return &failure{code: http.StatusForbidden, Error: protocol.ErrorForbidden, Remedy: "use a token with the scope " + scope.String() + " for this log", closes: r.Method == http.MethodPost}
		}
		return h(a, r)
	})
}

// known has h done only for those who have a grant, whatever it says.
func (s *Site) known(h handler) handler {
	return func(a *answer, r *http.Request) (f *failure) {
		if a.grant, f = s.grant(r); f != nil {
			return f
		}
		return h(a, r)
	}
}

// grant is what who asks may do.
func (s *Site) grant(r *http.Request) (*access.Grant, *failure) {
	guard, said := s.server.Guard(), r.Header.Values("Authorization")
	if own := peer(r).Grant; own != nil && (guard == nil || len(said) == 0) {
		return own, nil
	}
	if len(said) == 0 || guard == nil {
		return nil, unauthorized("Bearer")
	}
	scheme, token, _ := strings.Cut(said[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || len(said) > 1 {
		return nil, unauthorized("Bearer")
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	grant, err := guard.Check([]byte(strings.Trim(token, " ")), from.Addr())
	switch {
	case errors.Is(err, access.ErrTooMany):
		return nil, &failure{code: http.StatusTooManyRequests, Error: protocol.ErrorTooManyTokens, Remedy: "send it again in a while, with the right token", closes: true}
	case err != nil:
		return nil, unauthorized(`Bearer error="invalid_token"`)
	}
	return grant, nil
}

// unauthorized wants a token, in the words of RFC 6750.
func unauthorized(challenge string) *failure {
	return &failure{
		code: http.StatusUnauthorized, Error: protocol.ErrorUnauthorized, challenge: challenge, closes: true,
		Remedy: "send a token that is valid here: Authorization: Bearer TOKEN",
	}
}
