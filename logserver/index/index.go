package index

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrBroken: the file can't be relied on. Rows in memory still can; the file
	// is gone at the next Open, or with Discard.
	ErrBroken = errors.New("index is broken")
	// ErrNoSpace: the disk is full. Nothing is lost; flush again later.
	ErrNoSpace = errors.New("no space for the index")
)

// Options of an index; the zero value will do.
type Options struct {
	Cluster, Node [16]byte      // a file of others is discarded; zero: any
	LockWait      time.Duration // how long another process may take to end; 0: 2 s

	hook func(op string) error // tests make an operation fail
	deep int64                 // files up to this size are read whole when opened; 0: deepBelow
}

// An Index answers where entries lie. Add, Moved, Pending, Range, Away, AtTime and Err may be
// called at any time; Checkpoint, Window, Flush, Discard and Close belong to one
// goroutine.
type Index struct {
	store   *store // nil: in memory only
	options Options
	rebuilt error // why the file was discarded

	// Owned by the goroutine that flushes.
	header  header   // as it is in the file
	unsaved []Window // rows of windows not yet in the file, and the latest First of each
	reopen  bool     // the disk was full: open the file anew before writing
	closed  bool

	mu      sync.RWMutex // guards the following
	logs    map[uint32]*tail
	dirty   []*tail // those with rows in memory that are to be written
	rows    int     // in all of dirty
	over    overlay
	applied uint64 // of the newest row
	gen     uint64 // of the store, which the spans in logs describe
	broken  error

	changed atomic.Bool // there was something in over.moved
}

// Open opens the index file at path, made if it isn't there; with path "" all
// stays in memory. A file that is damaged, foreign or of another format is
// discarded ([Index.Rebuilt] then says why), so an error is one of the system:
// ErrLocked, no permission, a directory in its place. On a full disk the index
// opens without a file and makes it with a later Flush.
func Open(path string, o Options) (*Index, error) {
	if o.LockWait == 0 {
		o.LockWait = 2 * time.Second
	}
	x := &Index{options: o, logs: make(map[uint32]*tail), header: emptyHeader()}
	if path == "" {
		return x, nil
	}
	path, err := realPath(path)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	x.store = &store{path: path, hook: o.hook, deep: cmp.Or(o.deep, deepBelow), salt: newSalt()}
	x.rebuilt, err = x.store.open(o.LockWait)
	if err == nil {
		err = x.load()
	}
	if noSpace(err) {
		x.reopen, err = true, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open index: %w", errors.Join(err, x.store.close()))
	}
	return x, nil
}

// load reads the header, and if there is any doubt begins a new file.
func (x *Index) load() error {
	h, err := x.store.load(x.options)
	if err != nil {
		x.rebuilt = err
		return x.store.discard(x.gen, errors.Is(err, errNotIndex))
	}
	if h == nil {
		return nil // a new file
	}
	for log, span := range h.logs {
		x.logs[log] = &tail{log: log, span: span, head: span.next - 1}
	}
	h.State = nil // read again when asked for
	x.header, x.applied = *h, h.Applied
	return nil
}

// Rebuilt says why the file found by Open was discarded: the index is empty,
// and is to be built anew from the segments. "": it wasn't.
func (x *Index) Rebuilt() string {
	if x.rebuilt == nil {
		return ""
	}
	return x.rebuilt.Error()
}

// Err is nil, or wraps ErrBroken and says why: then nothing is written any
// more, and rows stay in memory.
func (x *Index) Err() error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.broken
}

// breaks marks the index as broken until it is discarded, and removes the
// file's name at once, so that whatever happens now, the next Open finds none.
// What was found in an earlier generation is of no interest any more.
func (x *Index) breaks(gen uint64, err error) error {
	if !errors.Is(err, ErrBroken) {
		err = fmt.Errorf("%w: %w", ErrBroken, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.broken != nil || x.gen != gen {
		return err
	}
	if x.store != nil {
		err = errors.Join(err, x.store.remove())
	}
	x.broken = err
	return err
}

// Discard forgets everything, in memory too, and begins a new file: the index
// is to be rebuilt from zero. A broken index is sound again.
func (x *Index) Discard() error {
	if x.closed {
		return errClosed
	}
	x.header, x.unsaved, x.reopen = emptyHeader(), nil, false
	x.mu.Lock()
	clear(x.logs)
	x.over = overlay{}
	x.dirty, x.rows, x.applied, x.broken = nil, 0, 0, nil
	x.gen++
	gen := x.gen
	x.mu.Unlock()
	if x.store == nil {
		return nil
	}
	err := x.store.discard(gen, false)
	if noSpace(err) {
		x.reopen, err = true, nil
	}
	if err != nil {
		return x.breaks(x.gen, fmt.Errorf("discard index: %w", err))
	}
	return nil
}

// Close gives up the file. It doesn't flush. It is idempotent.
func (x *Index) Close() error {
	if x.closed || x.store == nil {
		return nil
	}
	x.closed = true
	return x.store.close()
}

// Checkpoint returns the last one flushed, without the rows of its windows;
// false: there is none, and the index is to be built from the segments' begin.
func (x *Index) Checkpoint() (Checkpoint, bool) {
	if x.store == nil || !x.header.flushed {
		return Checkpoint{}, false
	}
	h, err := x.store.header()
	if err != nil {
		_ = x.breaks(x.gen, fmt.Errorf("read checkpoint: %w", err))
		return Checkpoint{}, false
	}
	for _, name := range slices.Sorted(maps.Keys(h.windows)) {
		h.Windows = append(h.Windows, Window{Name: name, First: h.windows[name].first})
	}
	return h.Checkpoint, true
}
