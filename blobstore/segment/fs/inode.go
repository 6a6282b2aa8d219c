package fs

const blockSize = 4096

type block [blockSize]byte

// inode is a file's content. Blocks that were synced are never changed but replaced,
// so crashed copies share them; a block in dirty is the inode's own.
type inode struct {
	blocks []*block // nil is a block of zeroes
	size   int64
	// What the disk may have instead, oldest first; the first is what it has for sure.
	dirty map[int][]*block // earlier versions of the blocks changed since the last sync
	sizes []int64          // earlier sizes
}

// versions is how many earlier versions are kept: the durable one, the next ones, and
// in the last place the one just before the current.
const versions = 4

func newInode() *inode { return &inode{dirty: map[int][]*block{}} }

// at returns the i-th block, nil if it is zeroes.
func (n *inode) at(i int) *block {
	if i < len(n.blocks) {
		return n.blocks[i]
	}
	return nil
}

// own makes the i-th block one that may be changed, keeping what it was.
func (n *inode) own(i int) *block {
	for i >= len(n.blocks) {
		n.blocks = append(n.blocks, nil)
	}
	old := n.blocks[i]
	history, dirty := n.dirty[i]
	switch {
	case !dirty:
		n.dirty[i] = append(history, old)
		n.blocks[i] = copyBlock(old)
	case len(history) < versions:
		n.dirty[i] = append(history, copyBlock(old))
	default:
		*history[versions-1] = *old
	}
	return n.blocks[i]
}

func copyBlock(b *block) *block {
	c := new(block)
	if b != nil {
		*c = *b
	}
	return c
}

func (n *inode) resize(size int64) {
	if size == n.size {
		return
	}
	if len(n.sizes) == versions {
		n.sizes[versions-1] = n.size
	} else {
		n.sizes = append(n.sizes, n.size)
	}
	n.size = size
}

func (n *inode) writeAt(p []byte, off int64) {
	n.resize(max(n.size, off+int64(len(p))))
	for len(p) > 0 {
		done := copy(n.own(int(off / blockSize))[off%blockSize:], p)
		p, off = p[done:], off+int64(done)
	}
}

func (n *inode) readAt(p []byte, off int64) int {
	if off >= n.size {
		return 0
	}
	p = p[:min(int64(len(p)), n.size-off)]
	for rest := p; len(rest) > 0; {
		var done int
		if b, from := n.at(int(off/blockSize)), off%blockSize; b == nil {
			done = min(len(rest), int(blockSize-from))
			clear(rest[:done])
		} else {
			done = copy(rest, b[from:])
		}
		rest, off = rest[done:], off+int64(done)
	}
	return len(p)
}

// truncate also clears what lies beyond the new end, in case the file grows again.
func (n *inode) truncate(size int64) {
	if size < n.size {
		for i := int(size / blockSize); i < len(n.blocks); i++ {
			if n.blocks[i] != nil {
				clear(n.own(i)[max(0, size-int64(i)*blockSize):])
			}
		}
	}
	n.resize(size)
}

func (n *inode) sync() {
	clear(n.dirty)
	n.sizes = n.sizes[:0]
}
