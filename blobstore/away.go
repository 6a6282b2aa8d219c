package blobstore

import "slices"

// Away is content that is not on this node: the digest of the batch, and the numbers of the
// nodes of which it is known that they hold it, which may be none.
type Away struct {
	Digest  Digest
	Holders []uint64
}

// Clone returns a copy that shares nothing.
func (a Away) Clone() Away { return Away{a.Digest, slices.Clone(a.Holders)} }

// IsAway tells whether a place is none: the content that it stands for is not on this node.
func (p *Place) IsAway() bool { return p.Segment == 0 }
