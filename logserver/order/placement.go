package order

import (
	"errors"
	"fmt"
	"math"
)

// MaxReplicas is how many nodes may hold the same content.
const MaxReplicas = 7

// Placement says how many nodes hold content, which, and how many must before an append is
// confirmed. It is cluster state.
type Placement struct {
	Replicas     int // nodes that hold content, from 1; there may not be as many yet
	OtherZones   int // so many of them in other zones than the first one's, where possible
	OtherRegions int // so many of them in other regions
	Commit       Commit
}

// Commit is how many of the replicas must hold content.
type Commit uint8

// The commit levels. The zero value is the default.
const (
	CommitQuorum Commit = iota // more than half of them
	CommitOne
	CommitAll
	commits
)

var commitNames = [commits]string{"quorum", "one", "all"}

// String returns the level as ParseCommit reads it.
func (c Commit) String() string {
	if c >= commits {
		return fmt.Sprintf("commit level %d", uint8(c))
	}
	return commitNames[c]
}

// MarshalText is String, for JSON.
func (c Commit) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is ParseCommit.
func (c *Commit) UnmarshalText(text []byte) (err error) {
	*c, err = ParseCommit(string(text))
	return err
}

// ParseCommit reads a commit level. Its error wraps ErrSettings.
func ParseCommit(text string) (Commit, error) {
	for c, name := range commitNames {
		if name == text {
			return Commit(c), nil
		}
	}
	return 0, fmt.Errorf("%w: commit is one, quorum or all, not %q", ErrSettings, text)
}

// Needs returns how many of so many replicas must hold content.
func (c Commit) Needs(replicas int) int {
	switch c {
	case CommitOne:
		return 1
	case CommitAll:
		return replicas
	}
	return replicas/2 + 1
}

// ErrSettings is wrapped by the error for settings that can't be. Nothing was changed.
var ErrSettings = errors.New("no such settings")

// WithDefaults puts the default in place of replicas that are zero.
func (p Placement) WithDefaults() Placement {
	if p.Replicas == 0 {
		p.Replicas = 3
	}
	return p
}

// Check reports what is wrong with a placement; the error wraps ErrSettings.
func (p *Placement) Check() error {
	others := func(what string, n int) error {
		if n < 0 || n >= p.Replicas {
			return fmt.Errorf("%w: %d replicas in other %s of %d: it must be from 0 to %d",
				ErrSettings, n, what, p.Replicas, p.Replicas-1)
		}
		return nil
	}
	switch {
	case p.Replicas < 1 || p.Replicas > MaxReplicas:
		return fmt.Errorf("%w: %d replicas: it must be from 1 to %d", ErrSettings, p.Replicas, MaxReplicas)
	case p.Commit >= commits:
		return fmt.Errorf("%w: %v", ErrSettings, p.Commit)
	}
	if err := others("zones", p.OtherZones); err != nil {
		return err
	}
	return others("regions", p.OtherRegions)
}

func appendPlacement(dst []byte, p *Placement) []byte {
	return append(appendUvarints(dst, uint64(p.Replicas), uint64(p.OtherZones), uint64(p.OtherRegions)), byte(p.Commit))
}

// placement reads what may be wrong: see Check.
func (r *reader) placement() Placement {
	number := func() int { return int(r.between(0, math.MaxInt32)) }
	return Placement{number(), number(), number(), Commit(r.byte())}
}
