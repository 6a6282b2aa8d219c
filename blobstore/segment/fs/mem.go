package fs

import (
	"maps"
	"os"
	"slices"
	"sync"
)

// Mem is a directory in memory. The zero value is not usable; see Memory.
//
// It remembers what has not been synced, as far as Crash needs it: a few versions of
// each block written since the last Sync of its file, and the names changed since the
// last SyncDir. Nothing of it grows while it is used as a server's memory.
type Mem struct {
	mu      sync.RWMutex // guards the following, and the inodes
	names   map[string]*inode
	durable map[string]*inode // names as of the last SyncDir
	journal []change          // to names since
	hook    func(Op) error
	lie     func(Op) bool
	space   int64 // bytes that all files together may have; 0: no limit
}

// change is one change of names that has not been synced.
type change struct {
	kind     OpKind // OpCreate, OpRename, OpRemove
	name, to string
	node     *inode // what the name is, or was
}

// apply does the change to a set of names, some of the changes before it having been lost
// perhaps. It is about a file, not about whatever has the name by then.
func (c change) apply(names map[string]*inode) {
	switch c.kind {
	case OpCreate:
		names[c.name] = c.node
	case OpRename:
		c.forget(names)
		names[c.to] = c.node
	case OpRemove:
		c.forget(names)
	}
}

func (c change) forget(names map[string]*inode) {
	if names[c.name] == c.node {
		delete(names, c.name)
	}
}

// Memory returns an empty directory in memory.
func Memory() *Mem {
	return &Mem{names: map[string]*inode{}, durable: map[string]*inode{}}
}

// Op is an operation that is about to be done.
type Op struct {
	Kind     OpKind
	Name     string // of the file; the old one of a rename
	To       string // the new name of a rename
	Off, Len int64  // what is read, written or allocated; Len is the size of a truncate
}

// OpKind says what an operation does.
type OpKind string

// The operations of FS and File, closing apart.
const (
	OpOpen     OpKind = "open"
	OpList     OpKind = "list"
	OpReadAt   OpKind = "read"
	OpSize     OpKind = "size"
	OpCreate   OpKind = "create"
	OpRename   OpKind = "rename"
	OpRemove   OpKind = "remove"
	OpSyncDir  OpKind = "syncdir"
	OpWriteAt  OpKind = "write"
	OpAllocate OpKind = "allocate"
	OpTruncate OpKind = "truncate"
	OpSync     OpKind = "sync"
)

// Changes reports whether the operation can change what is on the disk.
func (k OpKind) Changes() bool {
	return k != OpOpen && k != OpList && k != OpReadAt && k != OpSize
}

// SetHook has fn called before each operation. An error it returns is the operation's,
// which then is not done. fn may call Crash, and nothing else of the file system. It
// must be set while no operation is under way; nil ends it.
func (m *Mem) SetHook(fn func(Op) error) { m.hook = fn }

// Lie makes each Sync and SyncDir that about picks do nothing and say that all is well,
// as some disks do. It is there to see that tests find out.
func (m *Mem) Lie(about func(Op) bool) { m.lie = about }

// SetSpace makes the disk one of so many bytes, in whole blocks: what would make its files
// longer than that together gives ErrNoSpace. 0 makes it endless again.
func (m *Mem) SetSpace(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.space = bytes
}

// Used returns how many bytes of the disk the files take, in whole blocks.
func (m *Mem) Used() int64 {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.used()
}

// used returns how many bytes the files with a name take; m.mu is held.
func (m *Mem) used() (bytes int64) {
	for _, node := range m.names {
		bytes += wholeBlocks(node.size)
	}
	return bytes
}

func wholeBlocks(n int64) int64 { return (n + blockSize - 1) / blockSize * blockSize }

// fits tells whether there is space for a file to become so long; m.mu is held.
func (m *Mem) fits(node *inode, size int64) bool {
	more := wholeBlocks(size) - wholeBlocks(node.size)
	return m.space == 0 || more <= 0 || m.used()+more <= m.space
}

func (m *Mem) lies(op Op) bool { return m.lie != nil && m.lie(op) }

func (m *Mem) before(op Op) error {
	if m.hook == nil {
		return nil
	}
	return m.hook(op)
}

func (m *Mem) Open(name string) (File, error) {
	if err := m.before(Op{Kind: OpOpen, Name: name}); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	node, ok := m.names[name]
	if !ok {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}
	return &memFile{mem: m, name: name, node: node}, nil
}

func (m *Mem) Create(name string) (File, error) {
	if err := m.before(Op{Kind: OpCreate, Name: name}); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[name] != nil {
		return nil, &os.PathError{Op: "create", Path: name, Err: os.ErrExist}
	}
	node := newInode()
	m.change(change{kind: OpCreate, name: name, node: node})
	return &memFile{mem: m, name: name, node: node}, nil
}

func (m *Mem) Rename(old, new string) error {
	if err := m.before(Op{Kind: OpRename, Name: old, To: new}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[old] == nil {
		return &os.PathError{Op: "rename", Path: old, Err: os.ErrNotExist}
	}
	m.change(change{kind: OpRename, name: old, to: new, node: m.names[old]})
	return nil
}

func (m *Mem) Remove(name string) error {
	if err := m.before(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names[name] == nil {
		return &os.PathError{Op: "remove", Path: name, Err: os.ErrNotExist}
	}
	m.change(change{kind: OpRemove, name: name, node: m.names[name]})
	return nil
}

// change does a change and keeps it for Crash; m.mu is held.
func (m *Mem) change(c change) {
	c.apply(m.names)
	m.journal = append(m.journal, c)
}

func (m *Mem) List() ([]string, error) {
	if err := m.before(Op{Kind: OpList}); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.Sorted(maps.Keys(m.names)), nil
}

func (m *Mem) SyncDir() error {
	if err := m.before(Op{Kind: OpSyncDir}); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.lies(Op{Kind: OpSyncDir}) {
		m.durable, m.journal = maps.Clone(m.names), nil
	}
	return nil
}

// Close does nothing: the directory can be used, or opened as another process would,
// for as long as it is reachable.
func (m *Mem) Close() error { return nil }
