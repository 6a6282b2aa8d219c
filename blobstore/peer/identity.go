package peer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Identity is who a node is. A node that has not joined a cluster yet has a Name only.
type Identity struct {
	Cluster     [16]byte
	Node        [16]byte // made with its data
	Number      uint64   // in the cluster, given once; 0: not joined
	Name        string   // what its certificate says
	Incarnation uint64   // grows with each start
}

// String names the node as errors do.
func (i Identity) String() string {
	switch {
	case i.Number == 0:
		return "node " + i.Name
	case i.Name == "":
		return fmt.Sprintf("node %d", i.Number)
	}
	return fmt.Sprintf("node %d (%s)", i.Number, i.Name)
}

// Peer is where another node of the cluster is, and who must answer there.
type Peer struct {
	Address string   // host:port; empty: it isn't dialed, but may dial
	Node    [16]byte // zero: any
	Name    string   // empty: any
}

// maxName is how long a node's name may be.
const maxName = 63

// CheckName says what is wrong with the name of a node: 1 to 63 letters, digits, '-', '_' and '.', of which
// the first is a letter or digit.
func CheckName(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("name %.64q of a node: want 1 to %d characters", name, maxName)
	}
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("-_.", rune(c))) {
			return fmt.Errorf("name %q of a node: want letters, digits, '-', '_' and '.', the first a letter or digit", name)
		}
	}
	return nil
}

// An Error is what another node answered instead of what was asked for.
type Error struct {
	Code string // one of the Code constants, or one of the program's own; at most 255 bytes
	Text string // what it says, for people
}

// The codes of errors.
const (
	CodeRefused   = "refused"    // this node may not; Text says what to do
	CodeCrossed   = "crossed"    // the two dialed one another, and the other connection stays
	CodeNotJoined = "not joined" // there is no member yet
	CodeBusy      = "busy"       // too much is under way: try again in a while
	CodeUnknown   = "unknown"    // no such method
	CodeFailed    = "failed"     // the method's error, if that has no code of its own
	CodeVersion   = "version"    // another version of what is spoken here
)

func (e *Error) Error() string { return e.Text }

// Code is the code of an Error in err's chain, or empty.
func Code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

func refusedf(code, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

func id(b [16]byte) string { return uuid.UUID(b).String() }
