package logserver

import (
	"errors"
	"slices"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/logserver/order"
)

// giving is content that another node wants to read.
type giving struct {
	to    uint64
	want  order.Want
	place blobstore.Place // none: it is to be looked up
	last  bool            // it was looked for everywhere: if it isn't found now, that is said
}

// maxGivings is how many questions of others for content wait.
const maxGivings = 1024

// asked takes a question for content.
func (m *member) asked(from uint64, payload []byte) {
	w, err := order.ReadWant(payload)
	if err != nil {
		return
	}
	m.give(giving{to: from, want: w})
}

func (m *member) give(g giving) {
	select {
	case m.givings <- g:
	default: // it asks again, or another
	}
}

// giveAll is the goroutine that gives content to others.
func (m *member) giveAll() {
	for {
		select {
		case g := <-m.givings:
			m.giveOne(&g)
		case <-m.ended:
			return
		}
	}
}

func (m *member) giveOne(g *giving) {
	l := m.log
	if g.place.IsAway() {
		g.place = m.placeOf(&g.want)
	}
	var content []byte
	if !g.place.IsAway() {
		content = m.readToGive(g)
	} else if !g.last { // perhaps it is here, and not decided
		m.hear(incoming{Message: order.Message{From: g.to, Kind: order.MessageFetch, Payload: order.AppendFetch(nil, &g.want)}})
		return
	}
	l.metrics.given.Add(uint64(len(content)))
	m.options.Network.Send(g.to, byte(order.MessageFetched), order.AppendFetched(nil, &g.want, content))
}

// placeOf returns where content lies that is decided, by its place in a log.
func (m *member) placeOf(w *order.Want) (p blobstore.Place) {
	if w.Log == 0 {
		return p
	}
	rows, err := m.log.index.Range(w.Log, w.Index, nil, 1)
	if err != nil || len(rows) == 0 || w.Index < rows[0].First || w.Index > rows[0].Last() {
		return p
	}
	return rows[0].Place
}

// readToGive reads what is to be given; nil: it is another, or damaged.
func (m *member) readToGive(g *giving) []byte {
	l := m.log
	payload, err := l.store.Read(g.place, nil)
	var batch blobstore.Manifest
	if err == nil {
		err = batch.Parse(payload)
	}
	if err == nil && batch.BatchDigest() == g.want.Digest { // who gets it looks at the entries
		return payload
	}
	if err != nil && !errors.Is(err, segment.ErrClosed) {
		l.refusals.Error(l.options.Logger, err, "content that another node wants can't be read")
	}
	return nil
}

// lookForUndecided looks for content that another node wants among what is stored and not
// decided here.
func (m *member) lookForUndecided(in *incoming) {
	w, err := order.ReadWant(in.Payload)
	if err != nil {
		return
	}
	for i := range m.coming {
		if m.coming[i].digest == w.Digest {
			m.options.Network.Send(in.From, byte(order.MessageFetched), order.AppendFetched(nil, &w, m.coming[i].Payload))
			return
		}
	}
	place, _ := m.log.contents.Find(w.Digest)
	m.give(giving{to: in.From, want: w, place: place, last: true})
}

// heard notes that another node is there.
func (m *member) heard(from uint64) {
	m.hearing.Lock()
	defer m.hearing.Unlock()
	m.lastHeard[from] = time.Now()
}

// silent tells whether a node has said nothing for long.
func (m *member) silent(node uint64) bool {
	m.hearing.Lock()
	defer m.hearing.Unlock()
	return time.Since(m.lastHeard[node]) > silentAfter
}

// hasOthers tells whether there are other members.
func (m *member) hasOthers() bool {
	s := m.standing.Load()
	return s != nil && len(s.Members.All()) > 1
}

// sources returns whom to ask for content: its holders, then those who own it, then all other
// members.
func (m *member) sources(g *fetch) (list []uint64) {
	s := m.standing.Load()
	if s == nil {
		return nil
	}
	members := s.Members.All()
	add := func(nodes []uint64) {
		turn := 0 // so that not all ask the same one first
		if len(nodes) > 0 {
			turn = int(g.want.Digest[0]^g.want.Digest[31]) % len(nodes)
		}
		for i := range nodes {
			node := nodes[(i+turn)%len(nodes)]
			if node != m.options.Number && slices.Contains(members, node) && !slices.Contains(list, node) {
				list = append(list, node)
			}
		}
	}
	add(g.holders)
	add(m.owners(g.want.Digest))
	add(members)
	return list
}
