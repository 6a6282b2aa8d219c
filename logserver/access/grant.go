package access

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
)

// Scope is a set of what may be done.
type Scope uint8

// The scopes, none of which contains another.
const (
	Read   Scope = 1 << iota // entries and heads
	Append                   // and the heads of the logs appended to
	Admin                    // what changes the server or the cluster
)

// scopes are the names in a file of tokens.
var scopes = []struct {
	name  string
	scope Scope
}{{"read", Read}, {"append", Append}, {"admin", Admin}}

// String returns the names, as in a file of tokens.
func (s Scope) String() string {
	var names []string
	for _, known := range scopes {
		if s&known.scope != 0 {
			names = append(names, known.name)
		}
	}
	return strings.Join(names, ",")
}

// Grant is what somebody may do. Its methods may be called by any number of goroutines.
type Grant struct {
	// Name is who that is, for log lines.
	Name string

	scopes Scope
	all    bool     // every log is meant
	logs   []string // those meant otherwise; one that ends in * is of all that begin so
	digest [sha256.Size]byte

	revoked context.Context // ends when the grant is taken away
	revoke  context.CancelFunc
}

// Everything is the grant of whoever reaches a server without tokens, or has a client
// certificate that it trusts. It is never revoked.
var Everything = &Grant{Name: "everybody", scopes: Read | Append | Admin, all: true, revoked: context.Background()}

// May tells whether one of the scopes is granted for a log.
func (g *Grant) May(s Scope, log string) bool {
	return g.scopes&s != 0 && (g.all || g.names(log))
}

// MayAll tells whether one of the scopes is granted for every log there may be.
func (g *Grant) MayAll(s Scope) bool { return g.scopes&s != 0 && g.all }

func (g *Grant) names(log string) bool {
	for _, pattern := range g.logs {
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(log, prefix) || pattern == log {
			return true
		}
	}
	return false
}

// Revoked returns a context that ends when the grant is taken away, or changed.
func (g *Grant) Revoked() context.Context { return g.revoked }

// same tells whether both say the same of the same token.
func (g *Grant) same(other *Grant) bool {
	return g.digest == other.digest && g.Name == other.Name && g.scopes == other.scopes &&
		g.all == other.all && slices.Equal(g.logs, other.logs)
}
