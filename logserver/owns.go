package logserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/ring"
	"github.com/ringlog/ringlog/logserver/order"
)

// placement says who owns content, as it is decided here.
type placement struct {
	key    string     // what it was made of
	ring   *ring.Ring // of the members that own content
	spread bool       // there are more of them than replicas
	apart  bool       // content goes before its order
}

// assign finds out who owns content now.
func (m *member) assign() {
	core := m.log.core
	p, nodes := core.Settings().Placement, core.Seated()
	if len(nodes) == 0 || p.Replicas == 0 {
		return // not founded yet
	}
	list := make([]ring.Member, 0, len(nodes))
	for _, id := range nodes {
		list = append(list, ring.Member{ID: id, Seat: core.Seat(id), Zone: m.say(m.options.Zone, id), Region: m.say(m.options.Region, id)})
	}
	was, key := m.placement.Load(), fmt.Sprint(p, list)
	if was != nil && was.key == key {
		return
	}
	r, err := ring.New(list, ring.Settings{Replicas: p.Replicas, OtherZones: p.OtherZones, OtherRegions: p.OtherRegions})
	if err != nil {
		m.log.fail(fmt.Errorf("who owns content can't be told: %w", err))
		return
	}
	now := &placement{key: key, ring: r, spread: len(list) > p.Replicas}
	now.apart = now.spread || p.Commit == order.CommitAll
	m.placement.Store(now)
	m.placer.Use(r, p.Commit.Needs(min(p.Replicas, len(list))))
	m.mover.lookAtAll()
}

// placed names who owns content now, the same at all members that agree on it; empty: it isn't
// known yet.
func (m *member) placed() string {
	p := m.placement.Load()
	if p == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(p.key))
	return hex.EncodeToString(sum[:8])
}

// say returns what a node says about itself, as one of the functions of the options reads it.
func (m *member) say(read func(about []byte) string, id uint64) string {
	if read == nil {
		return ""
	}
	return read(m.log.core.About(id))
}

// owners returns who is to have content; nil: all members are.
func (m *member) owners(d blobstore.Digest) []uint64 {
	p := m.placement.Load()
	if p == nil || !p.spread {
		return nil
	}
	return p.ring.Owners(nil, d)
}

// owns tells whether this node is to have content.
func (m *member) owns(d blobstore.Digest) bool {
	if m.options.owns != nil {
		return m.options.owns(d)
	}
	p := m.placement.Load()
	return p == nil || !p.spread || p.ring.Owns(m.options.Number, d)
}
