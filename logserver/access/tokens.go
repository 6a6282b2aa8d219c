package access

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ringlog/ringlog/protocol"
)

// Limits of a file of tokens.
const (
	MaxFile   = 1 << 20 // bytes
	maxTokens = 4096    // each is compared with what is said
	maxName   = 64
)

var errNoTokens = errors.New("no token in it: want a line for each, as `ringlog token` makes them")

// LineError is what is wrong with a line of a file of tokens. It quotes nothing of it.
type LineError struct {
	Line int // from 1
	Want string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: want %s", e.Line, e.Want) }

// Parse reads a file of tokens: a line for each, of four words with white space between them,
//
//	NAME  SHA-256  SCOPES  LOGS
//
//	# who     of the token, 64 hex digits                                       may do     with
//	grafana   9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  read       *
//	shop      60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752  append     shop.*,orders
//
// NAME is 1 to 64 of A-Z a-z 0-9 . _ @ -, for the log of the server; several lines may have the same, so that
// a new token is valid beside the old. SCOPES are one or more of read, append and admin. LOGS
// are names of logs; one that ends in * means all that begin so. Empty lines and those that
// begin with # are left out. The same token twice is an error, and so is a file without one.
// Errors are *LineError, but for what concerns the file as a whole.
func Parse(text []byte) ([]*Grant, error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("want at most %d bytes", MaxFile)
	}
	var grants []*Grant
	seen := make(map[[sha256.Size]byte]bool)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		words := strings.Fields(string(line))
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		g, want := parseLine(words)
		switch {
		case want != "":
		case seen[g.digest]:
			want = "each token once; an earlier line has the same"
		case len(grants) == maxTokens:
			want = fmt.Sprintf("at most %d tokens", maxTokens)
		}
		if want != "" {
			return nil, &LineError{number, want}
		}
		seen[g.digest] = true
		grants = append(grants, g)
	}
	if len(grants) == 0 {
		return nil, errNoTokens
	}
	return grants, nil
}

func parseLine(words []string) (g *Grant, want string) {
	if len(words) != 4 {
		return nil, "NAME SHA-256 SCOPES LOGS"
	}
	g = &Grant{Name: words[0]}
	if !validName(g.Name) {
		return nil, "a name of 1 to 64 of A-Z a-z 0-9 . _ @ -"
	}
	digest, err := hex.DecodeString(words[1])
	if err != nil || len(digest) != sha256.Size {
		return nil, "the SHA-256 of a token, 64 hex digits, as the second word"
	}
	g.digest = [sha256.Size]byte(digest)
	var ok bool
	if g.scopes, ok = ParseScopes(words[2]); !ok {
		return nil, "scopes as the third word: read, append, admin, with commas between them"
	}
	if g.logs, ok = parseLogs(words[3]); !ok {
		return nil, "logs as the fourth word: names, or beginnings of names with * behind them, with commas between them"
	}
	for _, pattern := range g.logs {
		g.all = g.all || pattern == "*"
	}
	g.revoked, g.revoke = context.WithCancel(context.Background())
	return g, ""
}

func validName(name string) bool {
	for _, c := range []byte(name) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && !strings.ContainsRune("._@-", rune(c)) {
			return false
		}
	}
	return 1 <= len(name) && len(name) <= maxName
}

// ParseScopes reads read,append,admin or some of them.
func ParseScopes(text string) (s Scope, ok bool) {
names:
	for name := range strings.SplitSeq(text, ",") {
		for _, known := range scopes {
			if name == known.name {
				s |= known.scope
				continue names
			}
		}
		return 0, false
	}
	return s, true
}

func parseLogs(text string) ([]string, bool) {
	patterns := strings.Split(text, ",")
	for _, pattern := range patterns {
		prefix, some := strings.CutSuffix(pattern, "*")
		if !protocol.ValidLog(prefix) && !(some && prefix == "") {
			return nil, false
		}
	}
	return patterns, true
}

// NewToken makes a token that nobody can guess, and the line of it for the file.
func NewToken(name, scopes, logs string) (token, line string, err error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // it does not fail
	token = "rl_" + base64.RawURLEncoding.EncodeToString(secret)
	digest := sha256.Sum256([]byte(token))
	line = fmt.Sprintf("%s %x %s %s", name, digest, scopes, logs)
	if _, err := Parse([]byte(line)); err != nil {
		var l *LineError
		if errors.As(err, &l) {
			err = fmt.Errorf("want %s", l.Want)
		}
		return "", "", err
	}
	return token, line, nil
}
