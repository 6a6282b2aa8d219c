package check

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// ErrIndex is in an Error about the index. The segments are as they should be; an index
// that was removed is made anew from them.
var ErrIndex = errors.New("the index")

// copied is a copy of the index, since opening one may change it.
type copied struct {
	*index.Index
	dir     string
	applied uint64 // Raft index of its checkpoint
	rows    []index.Row
	heads   map[uint32]uint64 // of the logs, as of the checkpoint
}

// openIndex copies the index and opens the copy. An index that a start would
// make anew is a warning: nothing is lost with it.
func (c *checker) openIndex(id segment.Identity) error {
	if c.options.DB == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "ringlog-check-")
	if err != nil {
		return fmt.Errorf("make a directory for a copy of the index: %w", err)
	}
	c.index = &copied{dir: dir, heads: make(map[uint32]uint64)}
	name := filepath.Join(dir, "db")
	if err := copyFile(name, c.options.DB); err != nil {
		c.warn("there is no index to check, a start makes it anew: " + err.Error())
		c.closeIndex()
		return nil
	}
	x, err := index.Open(name, index.Options{Cluster: id.Cluster, Node: id.Node})
	if err != nil {
		c.closeIndex()
		return err
	}
	c.index.Index = x
	cp, ok := x.Checkpoint()
	if reason := x.Rebuilt(); reason != "" || !ok { // without a reason it is new
		if reason != "" {
			c.warn("a start makes the index anew, unless a server is writing it now: " + reason)
		}
		c.closeIndex()
		return nil
	}
	c.index.applied = cp.Applied
	return nil
}

func (c *checker) warn(text string) { c.report.Warnings = append(c.report.Warnings, text) }

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

func (c *checker) closeIndex() {
	if c.index == nil {
		return
	}
	if c.index.Index != nil {
		_ = c.index.Close()
	}
	_ = os.RemoveAll(c.index.dir)
	c.index = nil
}

// anywhere is the place of what is lost.
var anywhere = blobstore.Place{Segment: math.MaxUint64}

// row checks that the index says of a run what was decided.
func (c *checker) row(d *order.Decision, r *order.Run, place blobstore.Place) error {
	x := c.index
	if x == nil || d.Index > x.applied {
		return nil
	}
	want := index.Row{Log: r.Log, First: r.First, Count: r.Count, Ordinal: r.Ordinal, Time: d.Time, Place: place}
	rows, err := x.Range(r.Log, r.First, x.rows[:0], 1)
	x.rows = rows
	if err != nil {
		return c.fail("%w: %v", ErrIndex, err)
	}
	if place == anywhere && len(rows) == 1 {
		want.Place = rows[0].Place // it is lost, wherever it was
	}
	if len(rows) == 1 && rows[0].Place.Content == 0 {
		want.Place.Content = 0 // it was damaged when the index was written; a repair has put it right
	}
	if len(rows) != 1 || rows[0] != want && !c.isElsewhere(d, rows[0], want) {
		return c.fail("%w says %v of entry %d of log %q; decided was %v", ErrIndex, rows, r.First, r.Name, want)
	}
	x.heads[r.Log] = want.Last()
	c.report.Rows++
	return nil
}

// noMoreRows checks that the index has no row that nobody decided.
func (c *checker) noMoreRows() error {
	if c.index == nil {
		return nil
	}
	if c.index.applied > c.decided {
		c.warn("the index goes beyond what is known to be durable; a start looks at the rest")
		return nil
	}
	for log := range c.logs {
		rows, err := c.index.Range(log, c.index.heads[log]+1, nil, 1)
		if err != nil {
			return c.fail("%w: %v", ErrIndex, err)
		}
		if len(rows) > 0 {
			return c.fail("%w has a row beyond what was decided: %v", ErrIndex, rows[0])
		}
	}
	return nil
}
