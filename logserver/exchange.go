package logserver

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// checkContent returns the digest of a batch that came as a content frame's payload. The
// error says that it, or an entry of it, is not what its digest says.
func checkContent(payload []byte) (d blobstore.Digest, err error) {
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil {
		return d, err
	}
	for i := range m.Len() {
		if blobstore.Sum(m.Entry(i)) != m.Digest(i) {
			return d, fmt.Errorf("entry %d does not hash to %s", i, m.Digest(i))
		}
	}
	return m.BatchDigest(), nil
}

// take hears what the others said since it was last called.
func (m *member) take() error {
	m.mu.Lock()
	inbox, jobs := m.inbox, m.jobs
	m.inbox, m.jobs, m.bytes = nil, nil, 0
	m.room.Broadcast()
	m.mu.Unlock()
	if m.log.space.full.Load() {
		inbox = nil // it comes again
	}
	arrived := false
	for i := range inbox {
		in := &inbox[i]
		switch in.Kind {
		case order.MessagePut:
			arrived = m.keep(in) || arrived
		case order.MessageHold:
			arrived = m.hold(in) || arrived
		case order.MessageHeld:
			m.noteHeld(in)
		case order.MessageFetch:
			m.lookForUndecided(in)
		case order.MessageWant, order.MessagePull:
			m.send(in)
		default:
			err := m.log.core.Step(in.Message)
			if errors.Is(err, order.ErrMessage) {
				m.log.refusals.Error(m.log.options.Logger, fmt.Errorf("from node %d: %w", in.From, err), "a message of another node was not understood; it was dropped")
			} else if err != nil {
				return err
			}
		}
	}
	for _, j := range jobs {
		j.done <- j.do()
	}
	if arrived {
		return m.log.core.Arrived()
	}
	return nil
}

// keep keeps content to be stored with the next flush, unless it is here.
func (m *member) keep(in *incoming) bool {
	if m.has(in.digest) {
		return false
	}
	m.takeIn(in)
	if m.held+len(in.Payload) > maxPayloads { // of most of it nothing was ordered
		clear(m.payloads)
		m.held = 0
	}
	if m.expected[in.digest] == nil {
		m.payloads[in.digest] = in.Payload
		m.held += len(in.Payload)
	}
	return true
}

// takeIn has content stored with the next flush.
func (m *member) takeIn(in *incoming) {
	m.coming = append(m.coming, *in)
	m.size += int64(len(in.Payload)) + perAppend
}

// has tells whether content is stored and undecided, or will be stored with the next flush.
func (m *member) has(d blobstore.Digest) bool {
	if m.log.contents.Has(d) {
		return true
	}
	for i := range m.coming {
		if m.coming[i].digest == d {
			return true
		}
	}
	return false
}

// forget gives memory back that was kept for who watches.
func (m *member) forget(d blobstore.Digest) {
	if p, ok := m.payloads[d]; ok {
		m.held -= len(p)
		delete(m.payloads, d)
	}
}

// contents appends the frames of the content that came.
func (m *member) contents(frames []segment.Frame) []segment.Frame {
	for i := range m.coming {
		in := &m.coming[i]
		rows := m.expected[in.digest]
		again := func(other incoming) bool { return other.late && other.digest == in.digest }
		if in.late = rows != nil && !slices.ContainsFunc(m.coming[:i], again); in.late {
			frames = append(frames, lateFrame(in.digest, rows))
		}
		frames = append(frames, segment.Frame{Kind: segment.KindContent, Payload: [2][]byte{in.Payload}})
	}
	return frames
}

// stored notes where the content that came lies now, and what was ordered.
func (m *member) stored(places []blobstore.Place, ordered [][]byte) {
	l := m.log
	for i := range m.coming {
		digest, rows := m.coming[i].digest, []index.Row(nil)
		if m.coming[i].late {
			rows, places = m.expected[digest], places[1:]
			delete(m.expected, digest)
		}
		place := places[0]
		places = places[1:]
		place.Content = contentAt(m.coming[i].Payload)
		if rows == nil || !l.moved(rows, place) {
			l.contents.Store(digest, place, l.core.Applied())
		}
	}
	clear(m.coming)
	m.coming, m.size = m.coming[:0], 0
	for _, entry := range ordered {
		l.contents.Order(entry)
	}
	m.answerPuts(nil)
}

// storeContents makes the content that came durable, as a batch of its own.
func (m *member) storeContents() error {
	l := m.log
	l.frames = m.contents(l.frames[:0])
	places, err := l.append()
	if err == nil {
		m.stored(places, nil)
	}
	return err
}

func contentAt(payload []byte) uint32 {
	var m blobstore.Manifest
	_ = m.Parse(payload) // it was parsed when it came
	return uint32(m.ContentAt())
}

// errand is a question of another node, to be answered from what is stored.
type errand struct {
	to    uint64
	want  *order.Want
	place blobstore.Place // of what is wanted, if that is known
	pull  order.Pull
	last  uint64 // Raft index of the last record that is flushed
}

// send has a question answered, unless there are too many.
func (m *member) send(in *incoming) {
	e := errand{to: in.From, last: m.log.core.WrittenDecided()}
	if in.Kind == order.MessagePull {
		pull, err := order.ReadPull(in.Payload)
		if err != nil {
			return
		}
		e.pull = pull
	} else {
		want, err := order.ReadWant(in.Payload)
		if err != nil {
			return
		}
		e.want = &want
		e.place, _ = m.log.contents.Find(want.Digest)
		for i := range m.coming {
			if m.coming[i].digest == want.Digest {
				m.options.Network.Send(in.From, byte(order.MessagePut), m.coming[i].Payload)
				return
			}
		}
	}
	select {
	case m.errands <- e:
	default: // it asks again
	}
}

// answerErrands is the goroutine that answers from what is stored.
func (m *member) answerErrands() {
	s := newRecords(m.log.store)
	for {
		select {
		case e := <-m.errands:
			var payload []byte
			kind := order.MessageRecords
			if e.want != nil {
				kind, payload = order.MessagePut, m.content(&e)
			} else {
				payload = s.read(e.pull, e.last)
			}
			if len(payload) > 0 {
				m.options.Network.Send(e.to, byte(kind), payload)
			}
		case <-m.ended:
			return
		}
	}
}

// content returns what is wanted, if it is here and what its digest says.
func (m *member) content(e *errand) []byte {
	l := m.log
	if e.place == (blobstore.Place{}) && e.want.Log != 0 {
		rows, err := l.index.Range(e.want.Log, e.want.Index, nil, 1)
		if err == nil && len(rows) > 0 {
			e.place = rows[0].Place
		}
	}
	if e.place == (blobstore.Place{}) {
		return nil
	}
	payload, err := l.store.Read(e.place, nil)
	if err != nil {
		l.refusals.Error(l.options.Logger, err, "content that another node wants can't be read")
		return nil
	}
	if d, err := checkContent(payload); err != nil || d != e.want.Digest {
		return nil
	}
	return payload
}
