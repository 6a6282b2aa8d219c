package check

import "github.com/ringlog/ringlog/blobstore"

// recent remembers the last contents that were decided. Nodes may take the same bytes at the
// same time: they are ordered more than once then, and may lie in a node's segments once.
type recent struct {
	contents map[blobstore.Digest]content
	queue    []blobstore.Digest
	oldest   int
}

// maxRecent is many times as many as a cluster has proposals under way.
const maxRecent = 1 << 16

func (r *recent) add(d blobstore.Digest, c content) {
	if r.contents == nil {
		r.contents = make(map[blobstore.Digest]content)
	}
	_, again := r.contents[d]
	if r.contents[d] = c; again {
		return
	}
	if len(r.queue) < maxRecent {
		r.queue = append(r.queue, d)
		return
	}
	delete(r.contents, r.queue[r.oldest])
	r.queue[r.oldest] = d
	r.oldest = (r.oldest + 1) % maxRecent
}
