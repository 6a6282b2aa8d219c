package blobstore

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
)

// Digest is the SHA-256 of some bytes. It is the only identity content has.
type Digest [sha256.Size]byte

// ErrDigest is what ParseDigest says of anything but 64 lower-case hex digits.
var ErrDigest = errors.New("not a digest: want 64 lower-case hex digits")

// Sum returns the digest of p.
func Sum(p []byte) Digest { return sha256.Sum256(p) }

// String returns the digest as sha256sum prints it: 64 lower-case hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest is the reverse of String. It takes no other spelling, so that a digest
// has one name everywhere.
func ParseDigest(s string) (d Digest, err error) {
	if len(s) != hex.EncodedLen(len(d)) {
		return Digest{}, ErrDigest
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return Digest{}, ErrDigest
		}
	}
	_, _ = hex.Decode(d[:], []byte(s)) // cannot fail: the digits were looked at
	return d, nil
}

// Place is where a node keeps a batch's content: a content frame in one of its
// segments. It is no identity; compaction may move content, and only the index knows
// places.
type Place struct {
	Segment uint64 // number of the file, from 1
	Offset  int64  // of the frame's header in it
	Length  uint32 // bytes of the frame's payload: manifest and content
	Content uint32 // where in the payload the content begins; 0: not known
}
