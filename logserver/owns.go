package logserver

import "github.com/ringlog/ringlog/blobstore"

// owners returns who is to have content; nil: all members are.
func (m *member) owners(blobstore.Digest) []uint64 { return nil }

// owns tells whether this node is to have content.
func (m *member) owns(d blobstore.Digest) bool { return m.options.owns == nil || m.options.owns(d) }
