package logserver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// InMemory as Options.Blobs keeps everything in memory.
const InMemory = "memory"

var errNoRow = errors.New("logserver: the index has no row for an entry that exists")

// Open opens a log, made if there is none, and brings it to where it stopped:
// segments are recovered, the index is read or rebuilt, what was ordered and
// not yet decided is decided. When it returns, everything that was ever
// acknowledged can be read.
//
// Errors: ErrInterrupted; order.ErrSettings; *segment.DamageError for damaged data, other errors of package
// segment and fs for directories that are not fit, each naming file and remedy.
func Open(o Options) (*Log, error) {
	o = o.withDefaults()
	placement, err := o.placement()
	if err != nil {
		return nil, err
	}
	connections, history := o.divideMemory()
	l := &Log{
		options:  o,
		founding: placement,
		hub:      hub.New(o.Recent),
		usher:    newUsher(),
		metrics:  newMetrics(),
		gatherer: newGatherer(),
		more:     make(chan struct{}, 1),
		dirty:    make(chan struct{}, 1),
		ended:    make(chan struct{}, 1),
		closing:  make(chan struct{}),
		failed:   make(chan struct{}),
		memory:   budget{limit: connections, halves: make(map[*connection]int64)},
		history:  newAllowance(history),
		desks: sync.Pool{New: func() any {
			return &desk{parser: protocol.Parser{Limits: protocol.Limits{MaxEntry: o.MaxEntry}}}
		}},
		stall: stall{born: time.Now()},
	}
	if o.Member != nil {
		l.member = newMember(l, o.Member)
	}
	if err := l.openFiles(); err != nil {
		return nil, err
	}
	if err := l.restore(); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	if m := l.member; m != nil {
		l.gatherer.busy = true // for as long as it runs
		m.publish()
		m.join()
		go m.run()
		l.workers.Go(m.answerErrands)
		l.workers.Go(m.giveAll)
		l.workers.Go(m.mover.run)
	} else {
		l.workers.Go(l.work)
	}
	free, size := diskSpace(l.options.Blobs)
	l.space.free.Store(free)
	l.space.size.Store(size)
	l.workers.Go(l.usher.run)
	l.workers.Go(l.watchDisk)
	if o.Blobs != InMemory {
		l.workers.Go(l.tabulate)
	}
	l.workers.Go(l.scrub)
	return l, nil
}

func (l *Log) openFiles() (err error) {
	l.files, err = directory(&l.options)
	if err != nil {
		return err
	}
	store, found, err := segment.Open(l.files, segment.Options{Size: l.options.Segment, Turn: l.turn, Identity: l.identity()})
	if err != nil {
		return errors.Join(err, l.files.Close())
	}
	for _, warning := range found.Warnings {
		l.options.Logger.Warn().Msg(warning)
	}
	if found.DiskFull {
		l.options.Logger.Warn().Msg("the disk is full: started with what was kept aside for that; appends are refused until there is space")
	}
	if found.Kept > 0 || found.Torn > 0 {
		l.options.Logger.Info().Int("kept_batches", found.Kept).Int64("torn_bytes", found.Torn).
			Msg("recovered from a stop that was not in order")
	}
	identity := store.Identity()
	db := l.options.DB
	if l.options.Blobs == InMemory {
		db = ""
	}
	x, err := index.Open(db, index.Options{Cluster: identity.Cluster, Node: identity.Node})
	if err != nil {
		return errors.Join(err, store.Close(), l.files.Close())
	}
	if reason := x.Rebuilt(); reason != "" {
		l.options.Logger.Warn().Str("reason", reason).Msg("the index is made anew from the segments")
	}
	l.store, l.index = store, x
	l.rooms.New = func() any { return &room{reader: store.NewReader(readAhead)} }
	return nil
}

func directory(o *Options) (fs.FS, error) {
	switch {
	case o.Files != nil:
		return o.Files, nil
	case o.Blobs == InMemory:
		return fs.Memory(), nil
	}
	return fs.Dir(o.Blobs)
}

// restore brings core, index and hub to where the segments end.
func (l *Log) restore() error {
	err := l.replayIndexed()
	if errors.Is(err, ErrInterrupted) {
		return err
	}
	if err != nil {
		l.options.Logger.Warn().Err(err).Msg("the index does not fit the segments; it is made anew from them")
		if err := l.index.Discard(); err != nil {
			return fmt.Errorf("discard the index: %w", err)
		}
		l.core = l.newCore()
		l.contents.Clear()
		if err := l.replay(segment.Position{}); err != nil {
			return err
		}
	}
	if err := l.start(); err != nil {
		return err
	}
	if l.member == nil {
		l.warnOfSettings()
	}
	l.core.Logs(func(name string, id uint32, head uint64) { l.hub.Found(name, id, head) })
	l.lastWrite = time.Now()
	if last, now := time.Unix(0, l.core.Time()), l.options.Now(); last.After(now) {
		l.options.Logger.Warn().Time("last_entry", last).Msg("the clock is behind the last entry's time, which new entries get until it has caught up")
	}
	return nil
}

// warnOfSettings warns of options that ask for other settings than those which
// the cluster was founded with.
func (l *Log) warnOfSettings() {
	settings := l.core.Settings()
	limits := settings.Limits
	for _, s := range []struct {
		name           string
		asked, inForce int
	}{
		{"KEYS", l.options.Keys, limits.Keys},
		{"LOGS", l.options.Logs, limits.Logs},
	} {
		if s.asked != 0 && s.asked != s.inForce {
			l.options.Logger.Warn().Int("asked", s.asked).Int("in_force", s.inForce).
				Msg(s.name + " only founds the data, which was founded with another value; that one stays in force")
		}
	}
	for _, name := range order.SettingNames {
		if asked, inForce := l.options.Settings[name], settings.Get(name); asked != "" && asked != inForce {
			l.options.Logger.Warn().Str("asked", asked).Str("in_force", inForce).
				Msg(name + " only founds the cluster, which has another value; that one stays in force; `ringlog cluster set` changes it")
		}
	}
}

// placement is what a cluster is founded with.
func (o *Options) placement() (p order.Placement, err error) {
	p = p.WithDefaults()
	for _, name := range order.SettingNames {
		if value := o.Settings[name]; value != "" && err == nil {
			p, err = p.With(name, value)
		}
	}
	return p, err
}
