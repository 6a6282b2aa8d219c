package fs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

const sectorSize = 512

// Crash returns what the disk may hold if the power failed now, as a directory of its
// own; m goes on unharmed. What was synced is there. Of the rest, r decides:
//
//   - names: all changes, none, those up to one of them (a journal in order), or any
//     subset, each whole or not at all;
//   - content: of each file all, nothing, or of each block, or of each sector of it, any
//     version that it had since the last Sync;
//   - sizes: any that the file had since.
func (m *Mem) Crash(r *rand.Rand) *Mem {
	m.mu.RLock()
	defer m.mu.RUnlock()
	names := maps.Clone(m.durable)
	for _, c := range surviving(r, m.journal) {
		c.apply(names)
	}
	after := Memory()
	after.space = m.space
	for _, name := range slices.Sorted(maps.Keys(names)) {
		after.names[name] = names[name].crash(r)
	}
	after.durable = maps.Clone(after.names)
	return after
}

func surviving(r *rand.Rand, journal []change) []change {
	switch r.IntN(4) {
	case 0:
		return nil
	case 1:
		return journal
	case 2:
		return journal[:r.IntN(len(journal)+1)]
	}
	var kept []change
	for _, c := range journal {
		if r.IntN(2) == 0 {
			kept = append(kept, c)
		}
	}
	return kept
}

// crash returns a synced copy of what the disk may hold of the file.
func (n *inode) crash(r *rand.Rand) *inode {
	after := newInode()
	after.blocks = slices.Clone(n.blocks)
	fate := r.IntN(4)
	sizes := append(slices.Clone(n.sizes), n.size)
	after.size = sizes[pick(r, fate, len(sizes))]
	for _, i := range slices.Sorted(maps.Keys(n.dirty)) {
		after.blocks[i] = torn(r, fate, append(slices.Clone(n.dirty[i]), n.blocks[i]))
	}
	after.cut()
	return after
}

// The fates of a file's unsynced content; any other is blockwise.
const (
	allLost = iota
	allKept
	sectorwise
)

// pick chooses among n versions.
func pick(r *rand.Rand, fate, n int) int {
	switch fate {
	case allLost:
		return 0
	case allKept:
		return n - 1
	}
	return r.IntN(n)
}

// torn makes one block of several versions of it.
func torn(r *rand.Rand, fate int, history []*block) *block {
	if fate != sectorwise {
		return copyBlock(history[pick(r, fate, len(history))])
	}
	var mixed block
	for at := 0; at < blockSize; at += sectorSize {
		if b := history[r.IntN(len(history))]; b != nil {
			copy(mixed[at:at+sectorSize], b[at:])
		}
	}
	return &mixed
}

// cut drops what lies beyond the end of the file.
func (n *inode) cut() {
	last := int((n.size + blockSize - 1) / blockSize)
	n.blocks = n.blocks[:min(len(n.blocks), last)]
	if end := n.size % blockSize; end != 0 && last == len(n.blocks) && n.blocks[last-1] != nil {
		n.blocks[last-1] = copyBlock(n.blocks[last-1])
		clear(n.blocks[last-1][end:])
	}
}

// Kill returns a copy of the directory as the next process finds it when this one is
// killed: everything is there, and what was not synced may still be lost by a Crash.
func (m *Mem) Kill() *Mem {
	m.mu.RLock()
	defer m.mu.RUnlock()
	copies := map[*inode]*inode{}
	copied := func(n *inode) *inode {
		if n != nil && copies[n] == nil {
			copies[n] = n.clone()
		}
		return copies[n]
	}
	after := Memory()
	after.space = m.space
	for name, n := range m.names {
		after.names[name] = copied(n)
	}
	for name, n := range m.durable {
		after.durable[name] = copied(n)
	}
	for _, c := range m.journal {
		c.node = copied(c.node)
		after.journal = append(after.journal, c)
	}
	return after
}

// clone copies what the inode may still change.
func (n *inode) clone() *inode {
	c := &inode{blocks: slices.Clone(n.blocks), size: n.size, dirty: map[int][]*block{}, sizes: slices.Clone(n.sizes)}
	for i, history := range n.dirty {
		c.blocks[i] = copyBlock(n.blocks[i])
		for _, b := range history {
			c.dirty[i] = append(c.dirty[i], copyBlock(b))
		}
	}
	return c
}
