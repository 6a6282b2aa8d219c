package check

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/order"
)

// Options say what is checked.
type Options struct {
	Files    fs.FS              // the segments; only read
	DB       string             // the index; "": not checked
	Live     bool               // for Examine: a server may be using the directory
	Progress func(bytes uint64) // called with the bytes of frames that were read since; may be nil
}

func (o *Options) progress(n uint64) {
	if o.Progress != nil {
		o.Progress(n)
	}
}

// Report says what was checked. It is complete only without an error.
type Report struct {
	Logs     int
	Batches  uint64   // of entries
	Entries  uint64   // of all logs
	Away     uint64   // entries of all logs that are on other nodes only
	Refused  uint64   // entries whose appends were refused; their bytes are there, and no index
	Bytes    uint64   // of all frames
	Rows     uint64   // of the index
	Lost     []Lost   // entries that a repair has marked as lost, log by log; the first maxLost ranges
	Gone     uint64   // entries that are lost, all of them
	Marks    int      // frames that a repair has marked as lost, whatever was in them
	Members  []uint64 // of the cluster, as decided; empty: this node alone, which founded it
	Warnings []string
}

// Error says which invariant does not hold, and where.
type Error struct {
	At     segment.Position // of the frame that shows it
	Detail string
	err    error // what was found by another package; may be nil
}

func (e *Error) Unwrap() error { return e.err }

func (e *Error) Error() string {
	return fmt.Sprintf("segment %d, offset %d: %s", e.At.Segment, e.At.Offset, e.Detail)
}

// Data checks a data directory. Its error is an *Error, a *segment.DamageError,
// or another that says why the check could not go on.
func Data(o Options) (report Report, err error) {
	store, found, err := segment.View(o.Files)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	c := &checker{
		away:    newElsewhere(),
		losses:  losses{named: make(map[blobstore.Digest]blobstore.Place)},
		options: o,
		store:   store,
		core:    order.New(order.Options{Node: 1}),
		placed:  make(map[int64]content),
		batches: make(map[int64]blobstore.Digest),
		logs:    make(map[uint32]*progress),
	}
	c.report.Warnings = found.Warnings
	if err := c.openIndex(store.Identity()); err != nil {
		return c.report, err
	}
	defer c.closeIndex()
	if err := store.Salvage(segment.Position{}, c.frame, c.lost); err != nil {
		return c.report, err
	}
	err = c.finish()
	c.report.Logs, c.report.Members = len(c.logs), c.core.Members().All()
	return c.report, err
}

// content is a batch whose order or decision has not been met yet.
type content struct {
	place   blobstore.Place
	entries int
}

// progress is how far a log has been checked.
type progress struct {
	head uint64
	time int64
}

type checker struct {
	options  Options
	store    *segment.Store
	report   Report
	core     *order.Core
	at       segment.Position // of the frame that is being checked
	contents order.Undecided[content]
	placed   map[int64]content          // behind a loss: those of the file that is being read, by their offsets
	batches  map[int64]blobstore.Digest // of the file that is being read, by the offsets of their frames
	logs     map[uint32]*progress
	decided  uint64 // Raft index of the last decided record
	manifest blobstore.Manifest
	index    *copied
	losses   losses
	away     elsewhere
}

func (c *checker) fail(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &Error{c.at, err.Error(), errors.Unwrap(err)}
}

// frame checks one frame, in the order of the stream.
func (c *checker) frame(at segment.Position, kind segment.Kind, payload []byte) error {
	c.comeTo(at)
	if kind == segment.KindContent || kind == segment.KindDecided {
		c.losses.nameless = blobstore.Place{} // another batch: what ordered it is lost, too
	}
	c.report.Bytes += uint64(len(payload))
	c.options.progress(uint64(len(payload)))
	var err error
	switch kind {
	case segment.KindContent:
		return c.content(payload)
	case segment.KindLate:
		err = c.lateFrame(payload)
	case segment.KindOrder:
		c.losses.name(payload)
		c.contents.Order(payload)
		err = c.core.ReplayOrder(payload)
	case segment.KindState:
		err = c.core.ReplayState(payload)
	case segment.KindDecided:
		err = c.core.ReplayDecided(payload, c.decision)
	case segment.KindSeal:
		err = c.seal(payload)
	case segment.KindCheckpoint:
		err = c.checkpoint(payload)
	}
	if own := (*Error)(nil); err == nil || errors.As(err, &own) {
		return err
	}
	return c.fail("%w", err)
}

// comeTo notes which frame is checked now.
func (c *checker) comeTo(at segment.Position) {
	if at.Segment != c.at.Segment {
		clear(c.batches)
		clear(c.placed)
	}
	c.at = at
}

// content checks that each entry is what its digest says.
func (c *checker) content(payload []byte) error {
	m := &c.manifest
	if err := m.Parse(payload); err != nil {
		return c.fail("%w", err)
	}
	for i := range m.Len() {
		if blobstore.Sum(m.Entry(i)) != m.Digest(i) {
			return c.fail("entry %d of the batch does not hash to its digest %s", i, m.Digest(i))
		}
	}
	digest := m.BatchDigest()
	c.batches[c.at.Offset] = digest
	found := content{
		blobstore.Place{Segment: c.at.Segment, Offset: c.at.Offset, Length: uint32(len(payload)), Content: uint32(m.ContentAt())}, m.Len(),
	}
	c.report.Batches++
	if late, err := c.lateContent(digest, found.place); late || err != nil {
		return err
	}
	c.contents.Store(digest, found, c.core.Applied())
	if c.losses.any {
		c.placed[c.at.Offset] = found
	}
	return nil
}

// checkpoint checks that a checkpoint is what the records before it make.
func (c *checker) checkpoint(payload []byte) error {
	if c.losses.any {
		if err := c.core.ReplayOpening(payload, c.decision, c.lostRange); err != nil || c.losses.jumped {
			return err
		}
	} else if err := c.core.ReplayCheckpoint(payload); err != nil {
		return err
	}
	return c.core.Agrees(payload)
}

// seal checks that a seal repeats what was decided in the file that it ends.
func (c *checker) seal(payload []byte) error {
	if c.losses.any {
		return c.core.ReplaySealed(payload, func(offset int64) (d blobstore.Digest, ok bool) {
			d, ok = c.batches[offset]
			if found, behind := c.placed[offset]; behind { // though an equal one may have been decided since
				c.contents.Store(d, found, c.core.Applied())
			}
			return d, ok
		}, c.decision)
	}
	if err := c.core.ReplaySeal(payload, c.decision); err != nil {
		return err
	}
	s, err := order.ReadSeal(payload)
	if err != nil || s.Segment != c.at.Segment { // recovery took the seal to the next file
		return err
	}
	_, err = s.Records(func(offset int64) (blobstore.Digest, error) {
		digest, ok := c.batches[offset]
		if !ok {
			return digest, fmt.Errorf("no content begins at offset %d", offset)
		}
		return digest, nil
	})
	return err
}

// decision checks what was decided about a batch.
func (c *checker) decision(d *order.Decision) error {
	if d.Kind != order.KindBatch || d.Skipped {
		return nil
	}
	found, ok := c.contents.Find(d.Digest)
	several := len(c.core.Members().All()) > 1
	if place, lost := c.losses.find(d.Digest); !ok && lost && !several {
		return c.lostBatch(d, place)
	}
	if !ok && len(d.Runs) == 0 { // nothing of it was appended, so nobody needs it
		c.report.Refused += uint64(d.Entries)
		return nil
	}
	if !ok {
		return c.awayBatch(d)
	}
	c.contents.Decide(d)
	if found.entries != int(d.Entries) {
		return c.fail("raft index %d orders %d entries of %s, which has %d", d.Index, d.Entries, d.Digest, found.entries)
	}
	left := d.Entries
	for i := range d.Runs {
		if err := c.run(d, &d.Runs[i], found.place); err != nil {
			return err
		}
		left -= d.Runs[i].Count
	}
	c.report.Refused += uint64(left)
	return nil
}

// run checks that a run of entries continues its log.
func (c *checker) run(d *order.Decision, r *order.Run, place blobstore.Place) error {
	p, ok := c.logs[r.Log]
	if !ok {
		p = new(progress)
		c.logs[r.Log] = p
	}
	switch {
	case r.First != p.head+1:
		return c.fail("log %q goes on at %d behind %d", r.Name, r.First, p.head)
	case d.Time < p.time:
		return c.fail("log %q: the time of entry %d lies before that of the entry before it", r.Name, r.First)
	case uint64(r.Ordinal)+uint64(r.Count) > uint64(d.Entries):
		return c.fail("log %q: entry %d lies beyond the end of its batch", r.Name, r.First)
	}
	p.head, p.time = r.First+uint64(r.Count)-1, d.Time
	c.report.Entries += uint64(r.Count)
	return c.row(d, r, place)
}

// finish decides what was ordered and not yet decided, as a start would.
func (c *checker) finish() error {
	c.decided = c.core.Applied()
	err := c.core.Conclude(c.decision)
	if own := (*Error)(nil); errors.As(err, &own) {
		return own
	}
	if err != nil {
		return c.fail("%w", err)
	}
	if faulty := c.core.Faulty(); faulty != nil {
		c.warn(faulty.Error())
	}
	if err := c.endAway(); err != nil {
		return err
	}
	return c.noMoreRows()
}
