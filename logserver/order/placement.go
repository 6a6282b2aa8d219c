package order

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxReplicas is how many nodes may hold the same content.
const MaxReplicas = 7

// Placement says how many nodes hold content, which, and how many must before an append is
// confirmed. It is cluster state.
type Placement struct {
	Replicas     int    `json:"replicas"`      // nodes that hold content, from 1; there may not be as many yet
	OtherZones   int    `json:"other_zones"`   // so many of them in other zones of the first one's region, where possible
	OtherRegions int    `json:"other_regions"` // and so many in other regions
	Commit       Commit `json:"commit"`
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
	switch {
	case p.Replicas < 1 || p.Replicas > MaxReplicas:
		return fmt.Errorf("%w: replicas must be from 1 to %d, not %d", ErrSettings, MaxReplicas, p.Replicas)
	case p.OtherZones < 0 || p.OtherRegions < 0 || p.OtherZones >= p.Replicas || p.OtherRegions >= p.Replicas-p.OtherZones:
		return fmt.Errorf("%w: of %d replicas, %d can't be in other zones and %d in other regions: together they must be fewer",
			ErrSettings, p.Replicas, p.OtherZones, p.OtherRegions)
	case p.Commit >= commits:
		return fmt.Errorf("%w: %v", ErrSettings, p.Commit)
	}
	return nil
}

// The names of settings that With changes.
const (
	SettingReplicas     = "replicas"
	SettingOtherZones   = "other-zones"
	SettingOtherRegions = "other-regions"
	SettingCommit       = "commit"
)

// SettingNames are their names, in an order in which they can be set one after the other.
var SettingNames = []string{SettingReplicas, SettingOtherZones, SettingOtherRegions, SettingCommit}

// With returns the placement with one setting changed, by its name, to a value as people write
// it. Its error wraps ErrSettings.
func (p Placement) With(name, value string) (Placement, error) {
	fields := map[string]*int{SettingReplicas: &p.Replicas, SettingOtherZones: &p.OtherZones, SettingOtherRegions: &p.OtherRegions}
	field, number := fields[name]
	var err error
	switch {
	case number:
		if *field, err = strconv.Atoi(value); err != nil {
			return p, fmt.Errorf("%w: %s is a number, not %q", ErrSettings, name, value)
		}
	case name == SettingCommit:
		if p.Commit, err = ParseCommit(value); err != nil {
			return p, err
		}
	default:
		return p, fmt.Errorf("%w: there are %s, and no %q", ErrSettings, strings.Join(SettingNames, ", "), name)
	}
	return p, p.Check()
}

// Get returns the value of a setting by its name, as With takes it; "" of one that isn't there.
func (p *Placement) Get(name string) string {
	switch name {
	case SettingReplicas:
		return strconv.Itoa(p.Replicas)
	case SettingOtherZones:
		return strconv.Itoa(p.OtherZones)
	case SettingOtherRegions:
		return strconv.Itoa(p.OtherRegions)
	case SettingCommit:
		return p.Commit.String()
	}
	return ""
}

func appendPlacement(dst []byte, p *Placement) []byte {
	return append(appendUvarints(dst, uint64(p.Replicas), uint64(p.OtherZones), uint64(p.OtherRegions)), byte(p.Commit))
}

// placement reads what may be wrong: see Check.
func (r *reader) placement() Placement {
	number := func() int { return int(r.between(0, math.MaxInt32)) }
	return Placement{number(), number(), number(), Commit(r.byte())}
}
