package logserver

import (
	"context"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// lateFrame returns the frame that says whose content the frame behind it holds.
func lateFrame(d blobstore.Digest, rows []index.Row) segment.Frame {
	late := order.Late{Digest: d}
	for i := range rows {
		late.Runs = append(late.Runs, order.LateRun{Log: rows[i].Log, First: rows[i].First})
	}
	return segment.Frame{Kind: segment.KindLate, Ignorable: true, Payload: [2][]byte{late.Append(nil)}}
}

// maxExpected is how many batches are remembered whose content was not here when they were decided.
const maxExpected = 1 << 12

// expect notes that content is to come, most likely from who proposed it. If it doesn't, it is fetched.
func (m *member) expect(d blobstore.Digest, rows []index.Row) {
	if len(m.expected) < maxExpected {
		m.expected[d] = append(m.expected[d], rows...)
	}
	m.mover.owe(rows)
}

// storeLate writes content to the stream that came after it was decided, and has its rows point there. The
// caller is the committer.
func (m *member) storeLate(list []coming) error {
	l := m.log
	l.frames = l.frames[:0]
	size := int64(perBatch)
	for i := range list {
		c := &list[i]
		late := lateFrame(c.digest, c.rows)
		size += int64(len(late.Payload[0])+len(c.payload)) + perAppend
		l.frames = append(l.frames, late, segment.Frame{Kind: segment.KindContent, Payload: [2][]byte{c.payload}})
	}
	if err := l.store.Reserve(size+l.unstored(), perBatch); err != nil {
		return m.orFail(err)
	}
	places, err := l.append()
	if err != nil {
		return m.orFail(err)
	}
	for i := range list {
		delete(m.expected, list[i].digest)
		place := places[2*i+1]
		place.Content = contentAt(list[i].payload)
		l.moved(list[i].rows, place)
	}
	return nil
}

// moved has rows point to where their content lies now.
func (l *Log) moved(rows []index.Row, to blobstore.Place) (any bool) {
	for i := range rows {
		any = l.index.Moved(rows[i].Log, rows[i].First, to) || any
	}
	return any
}

// orFail ends the log for an error that is no passing one, and returns it.
func (m *member) orFail(err error) error {
	if !segment.Passing(err) {
		m.log.fail(err)
	}
	return err
}

// found has rows point to content that is as it was again.
func (v *mover) found(c *coming, at blobstore.Place) {
	l := v.member.log
	_ = l.do(context.Background(), func() error { l.moved(c.rows, at); return nil }) // or else a start does
}

// lateness is what a replay knows of the content frame behind a late frame.
type lateness struct {
	order.Late
	is bool
}

// replayLate takes note of a late frame.
func (r *replay) replayLate(payload []byte) error {
	late, err := order.ReadLate(payload)
	if err != nil {
		return err
	}
	r.late = lateness{late, true}
	return nil
}

// replayed has the rows of a late frame point to its content. Not ok: it is none of a late frame, or was not
// decided before.
func (r *replay) replayed(d blobstore.Digest, place blobstore.Place) (ok bool, err error) {
	late := r.late
	r.late = lateness{}
	if !late.is {
		return false, nil
	}
	if d != late.Digest {
		return false, fmt.Errorf("content at segment %d, offset %d is %s, where the frame before says %s", place.Segment, place.Offset, d, late.Digest)
	}
	for _, run := range late.Runs {
		ok = r.log.index.Moved(run.Log, run.First, place) || ok
	}
	return ok, nil
}
