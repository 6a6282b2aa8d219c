package logserver

import (
	"errors"
	"syscall"
	"time"
	"unsafe"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/hub"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/protocol"
)

// cursor reads the entries of one log in sequence, as lines. It keeps the frame
// that it read last, so that a batch larger than a chunk is read once. It holds
// memory only between rewind and release. One goroutine at a time.
type cursor struct {
	log  *Log
	room *room // nil: holds nothing
	lost int   // damaged entries that were met
	held int64 // of what reads of history may hold
}

// room is the memory of a cursor that is reading.
type room struct {
	rows   []index.Row
	left   []index.Row // of rows, not yet read
	reader *segment.Reader
	lines  []byte
	before []byte // the lines before those, which may still be on their way

	place    blobstore.Place
	away     fetchedRow // whose content is loaded, where place is none
	asked    fetchedRow // up to which it was fetched ahead
	err      error      // of reading place
	partly   bool       // part has what is wanted of place, not manifest
	part     blobstore.Part
	manifest blobstore.Manifest
	intact   blobstore.Place // no repair has marked it as lost
}

const (
	// readAhead is how many bytes are read at once where batches are small.
	readAhead = 128 << 10
	// wholly is how large a batch is read as a whole whatever is wanted of it.
	wholly = 32 << 10
)

const rowsAtOnce = 256

// release gives the cursor's memory back, until the next lines.
func (c *cursor) release() {
	if c.room == nil {
		return
	}
	const keep = 4 << 20
	c.room.reader.Rest()
	if c.room.reader.Size()+cap(c.room.lines)+cap(c.room.before) <= keep {
		c.room.left, c.room.place, c.room.away, c.room.asked = nil, blobstore.Place{}, fetchedRow{}, fetchedRow{}
		c.log.rooms.Put(c.room)
	}
	c.room = nil
	c.hold(0)
}

// hold says how much memory the cursor holds.
func (c *cursor) hold(bytes int64) {
	c.log.history.add(bytes - c.held)
	c.held = bytes
}

// size returns how many bytes of memory the room takes.
func (r *room) size() int64 {
	return int64(r.reader.Size() + cap(r.lines) + cap(r.before) + cap(r.rows)*int(unsafe.Sizeof(index.Row{})))
}

// next returns the lines of the entries from..to of a log, up to about chunk
// bytes of them, and how many entries that is: at least one without an error.
// The lines are valid until the next call but one. An entry that is damaged is a line
// that says so, and the last one. An error says nothing about the entry: the
// read can't go on for now.
func (c *cursor) next(log uint32, from, to uint64, meta bool, chunk int) (lines []byte, sent uint64, err error) {
	if c.room == nil {
		c.held = readAhead + 2*int64(chunk)
		c.log.history.take(c.held)
		c.room = c.log.rooms.Get().(*room)
	}
	r := c.room
	defer func() { c.hold(r.size()) }()
	r.lines, r.before = r.before[:0], r.lines
	for at := from; at <= to && (at == from || len(r.lines) < chunk); {
		row, err := c.row(log, at, to, meta)
		switch {
		case err == nil:
		case damaged(err):
			c.unavailable(err)
			return protocol.AppendErrorEntry(r.lines, at, protocol.ErrorEntryUnavailable), sent + 1, nil
		case errors.Is(err, index.ErrBroken):
			c.log.fail(err) // a start makes it anew
			fallthrough
		default:
			return r.lines, sent, err
		}
		last := min(to, row.First+uint64(row.Count)-1)
		n := c.encode(&row, at, last, meta, chunk)
		at += n
		sent += n
	}
	return r.lines, sent, nil
}

// chunk is next, with all that is to be known of what it returns.
func (c *cursor) chunk(s span) chunk {
	lost := c.lost
	lines, sent, err := c.next(s.log, s.from, s.to, s.meta, s.size)
	return chunk{first: s.from, count: sent, lines: lines, lost: c.lost > lost, err: err}
}

// damaged tells whether an error is about the bytes of an entry, and not about
// what else can be in the way of reading them.
func damaged(err error) bool {
	var damage *segment.DamageError
	return errors.Is(err, errElsewhere) || errors.As(err, &damage) || errors.Is(err, blobstore.ErrManifest) || errors.Is(err, errNoRow) ||
		errors.Is(err, syscall.EIO)
}

// row returns the index row that covers an entry, and has what it refers to loaded,
// for meta with digests and keys. The entries up to to are read next.
func (c *cursor) row(log uint32, at, to uint64, meta bool) (index.Row, error) {
	r := c.room
	for len(r.left) > 0 && (r.left[0].Log != log || at < r.left[0].First || at >= r.left[0].First+uint64(r.left[0].Count)) {
		r.left = r.left[1:]
	}
	if len(r.left) == 0 {
		rows, err := c.log.index.Range(log, at, r.rows[:0], rowsAtOnce)
		r.rows, r.left = rows, rows
		if err != nil {
			return index.Row{}, err
		}
		if len(rows) == 0 || at < rows[0].First || at >= rows[0].First+uint64(rows[0].Count) {
			r.left = nil
			return index.Row{}, errNoRow
		}
	}
	row := r.left[0]
	if row.Place.IsAway() {
		if id := (fetchedRow{row.Log, row.First}); !r.place.IsAway() || r.away != id {
			r.place, r.away = row.Place, id
			r.err = c.loadAway(&row, to)
			r.forgetError()
		}
		return row, r.err
	}
	if loaded := r.place == row.Place && (!r.partly || !meta && r.part.Has(int(row.Ordinal))); !loaded {
		r.place = row.Place
		r.err = c.load(&row, meta)
		r.forgetError()
	}
	return row, r.err
}

// forgetError has tried another time what could not be read for a reason that may pass.
func (r *room) forgetError() {
	if r.err != nil && (!damaged(r.err) || errors.Is(r.err, errElsewhere)) {
		r.place, r.away = blobstore.Place{}, fetchedRow{}
	}
}

// load reads what a row refers to, and has it from another node where it is damaged here.
func (c *cursor) load(row *index.Row, meta bool) error {
	err := c.loadHere(row, meta)
	if err == nil || c.log.member == nil || !damaged(err) {
		return err
	}
	return c.loadDamaged(row, err)
}

// loadHere reads what a row refers to: only that, where it is a small part of a large
// batch, and checks it by digests; otherwise the batch, and checks it as a frame.
func (c *cursor) loadHere(row *index.Row, meta bool) error {
	r := c.room
	r.partly = false
	if err := c.log.scrubbed.bad(row.Place); err != nil {
		return err
	}
	// Where the content begins is not known of what was damaged when it was entered into the index; a repair may have
	// put it right since.
	if !meta && row.Place.Length > wholly && row.Place.Content > 0 {
		if r.intact != row.Place {
			if err := r.reader.Intact(row.Place); err != nil {
				return err
			}
			r.intact = row.Place
		}
		partly, err := r.part.Read(int(row.Ordinal), int(row.Count), int64(row.Place.Content), int(row.Place.Length/2), func(off int64, b []byte) error {
			return r.reader.ReadPart(row.Place, off, b)
		})
		if r.partly = partly; partly || err != nil {
			return err
		}
	}
	payload, err := r.reader.Read(row.Place)
	if err != nil {
		return err
	}
	if err := r.manifest.Parse(payload); err != nil {
		return err
	}
	if r.manifest.Len() < int(row.Ordinal+row.Count) {
		return errNoRow
	}
	return nil
}

// text returns an entry of what is loaded.
func (r *room) text(ordinal int) []byte {
	if r.partly {
		return r.part.Entry(ordinal)
	}
	return r.manifest.Entry(ordinal)
}

// encode appends the lines of entries at..last of a row, until they make up a
// chunk, and returns how many it were: at least one.
func (c *cursor) encode(row *index.Row, at, last uint64, meta bool, chunk int) (n uint64) {
	r := c.room
	for ; at+n <= last && (n == 0 || len(r.lines) < chunk); n++ {
		ordinal := int(at + n - row.First + uint64(row.Ordinal))
		text := r.text(ordinal)
		if meta {
			r.lines = protocol.AppendEntryMeta(r.lines, at+n, row.Time, r.manifest.Digest(ordinal), r.manifest.Key(ordinal), text)
		} else {
			r.lines = protocol.AppendEntry(r.lines, at+n, text)
		}
	}
	return n
}

// firstAt returns the index of the first entry at or after t, or one beyond
// every head.
func (l *Log) firstAt(topic *hub.Topic, t time.Time) uint64 {
	const beyond = 1<<64 - 2
	if topic.ID() == 0 {
		return beyond
	}
	first, ok, err := l.index.AtTime(topic.ID(), nanoseconds(t))
	if err != nil {
		l.fail(err) // a start makes it anew
	}
	if err != nil || !ok {
		return beyond
	}
	return first
}

// nanoseconds returns t in Unix nanoseconds, which end in the years 1678 and 2262.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Year() < 1678:
		return -1 << 63
	case t.Year() > 2261:
		return 1<<63 - 1
	}
	return t.UnixNano()
}
