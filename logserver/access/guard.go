package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// What Check says of a token that grants nothing.
var (
	// ErrUnauthorized: no such token.
	ErrUnauthorized = errors.New("access: no such token")
	// ErrTooMany: the address has had too many wrong ones, and this one was not looked at.
	ErrTooMany = errors.New("access: too many wrong tokens from this address; try again later")
)

// Guard knows the tokens that are valid. Its methods may be called by any number of goroutines.
type Guard struct {
	file   string // "": there is none
	grants atomic.Pointer[[]*Grant]
	wrong  failures

	failed, ignored atomic.Uint64
	stale           atomic.Bool
}

// OpenGuard returns a Guard of the tokens in a file.
func OpenGuard(file string) (*Guard, error) {
	g := NewGuard(nil)
	g.file = file
	return g, g.Reload()
}

// NewGuard returns a Guard of the tokens that Parse has read.
func NewGuard(grants []*Grant) *Guard {
	g := &Guard{}
	g.grants.Store(&grants)
	return g
}

// Reload reads the file again. With an error, which does not name the file (somebody may have put
// a token in its place), what was valid stays so. One goroutine at a time.
func (g *Guard) Reload() error {
	if g.file == "" {
		return nil
	}
	grants, err := readTokens(g.file)
	g.stale.Store(err != nil)
	if err == nil {
		g.Replace(grants)
	}
	return err
}

// Stale tells whether the file could not be read the last time.
func (g *Guard) Stale() bool { return g.stale.Load() }

func readTokens(file string) ([]*Grant, error) {
	text, err := os.ReadFile(file)
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// Check returns what the bearer of a token may do, who is at an address. Errors:
// ErrUnauthorized, ErrTooMany.
func (g *Guard) Check(token []byte, from netip.Addr) (*Grant, error) {
	now := time.Now()
	if g.wrong.tooMany(from, now) {
		g.ignored.Add(1)
		return nil, ErrTooMany
	}
	if grant := g.find(sha256.Sum256(token)); grant != nil {
		return grant, nil
	}
	g.failed.Add(1)
	g.wrong.add(from, now)
	return nil, ErrUnauthorized
}

// find compares with all of them, whichever it is.
func (g *Guard) find(digest [sha256.Size]byte) (found *Grant) {
	for _, grant := range *g.grants.Load() {
		if subtle.ConstantTimeCompare(grant.digest[:], digest[:]) == 1 {
			found = grant
		}
	}
	return found
}

// Replace makes others the valid tokens. What both say in the same way stays as it is; the
// rest is revoked. One goroutine at a time.
func (g *Guard) Replace(grants []*Grant) {
	before := *g.grants.Load()
	known := make(map[[sha256.Size]byte]*Grant, len(before))
	for _, old := range before {
		known[old.digest] = old
	}
	now := make([]*Grant, len(grants))
	for i, grant := range grants {
		now[i] = grant
		if old := known[grant.digest]; old != nil && old.same(grant) {
			now[i] = old
			delete(known, grant.digest)
		}
	}
	g.grants.Store(&now)
	for _, old := range known {
		old.revoke()
	}
}

// Len returns how many tokens are valid.
func (g *Guard) Len() int { return len(*g.grants.Load()) }

// Failures returns how many wrong tokens there were, and how many were not looked at because
// their address had had too many.
func (g *Guard) Failures() (wrong, ignored uint64) { return g.failed.Load(), g.ignored.Load() }
