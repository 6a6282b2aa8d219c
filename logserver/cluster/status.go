package cluster

import (
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/blobstore/ring"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/order"
)

// State is what a node knows of its cluster, in a word.
type State string

// The states.
const (
	Waiting    State = "waiting"    // it has no cluster yet
	Lonely     State = "lonely"     // no other member can be reached, or there is none
	Unbalanced State = "unbalanced" // some can't, or members are about to change
	Joined     State = "joined"     // all members are in touch
	Removed    State = "removed"    // it was a member, and is none any more
)

// Status is how the cluster looks from a node.
type Status struct {
	State       State     `json:"state"`
	Cluster     uuid.UUID `json:"cluster"`
	Name        string    `json:"name"`
	Number      uint64    `json:"number"`
	Leader      uint64    `json:"leader"` // 0: nobody, as far as is known there
	Serving     bool      `json:"serving"`
	Applied     uint64    `json:"applied"` // Raft index of the last decision
	Faulty      string    `json:"faulty,omitempty"`
	Successor   uint64    `json:"successor"` // on the ring; its own number if it is alone
	Predecessor uint64    `json:"predecessor"`
	Members     []Member  `json:"members"`

	// Settings are what the cluster has agreed on about placement, nil while that isn't known here.
	Settings *order.Placement `json:"settings,omitempty"`
	Strength
	// Repairs is what of this node's content isn't here as it should be.
	Repairs logserver.Repairs `json:"repairs"`
}

// Member is a node of the cluster.
type Member struct {
	Number uint64 `json:"number"`
	Seat   uint64 `json:"seat"` // on the ring
	About
	Role      string    `json:"role"` // voter, learner (it copies), leaving
	Self      bool      `json:"self"` // it is the node that tells this
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since,omitzero"` // it is connected, or not
	Queued    int       `json:"queued"`         // bytes that it has not acknowledged
	Error     string    `json:"error,omitempty"`

	// Pulse is how it does, as it has said last; nil: it has said nothing lately.
	Pulse *logserver.Pulse `json:"pulse,omitempty"`
}

const roleVoter = "voter"

// Status returns how the cluster looks from here.
func (n *Node) Status() Status {
	n.mu.Lock()
	st := Status{Strength: Strength{Tolerates: -1}, State: Waiting, Cluster: n.cluster, Name: n.options.Name, Members: []Member{}}
	n.mu.Unlock()
	log := n.log.Load()
	if log == nil {
		return st
	}
	s, _ := log.Standing()
	st.Number, st.Leader, st.Serving, st.Applied = s.Number, s.Leader, s.Serving, s.Applied
	if s.Faulty != nil {
		st.Faulty = s.Faulty.Error()
	}
	links := map[uint64]peer.LinkStatus{}
	for _, l := range n.links.Status() {
		links[l.Peer] = l
	}
	st.Members = membersOf(&s, links)
	for i := range st.Members {
		st.Members[i].Pulse = n.pulseOf(&st.Members[i])
	}
	st.Repairs, _ = log.Repairs()
	st.State, st.Strength = stateOf(&st, &s), strengthOf(st.Members, &s.Settings.Placement)
	if s.Settings.Configuration > 0 {
		st.Settings = &s.Settings.Placement
	}
	if r, err := st.ring(); err == nil {
		st.Successor, _ = r.Successor(s.Number)
		st.Predecessor, _ = r.Predecessor(s.Number)
	}
	return st
}

func membersOf(s *logserver.Standing, links map[uint64]peer.LinkStatus) []Member {
	all := []Member{} // in JSON a list, too, where there are none
	for _, id := range s.Members.All() {
		m := Member{Number: id, Seat: s.Seats[id], Role: s.Role(id)}
		if m.Role == logserver.RoleLeader {
			m.Role = roleVoter // Status.Leader tells it
		}
		m.About, _ = decodeAbout(s.About[id]) // what is newer is left out
		if l, ok := links[id]; ok {
			m.Connected, m.Since, m.Queued, m.Error = l.Connected, l.Since, l.QueuedBytes, l.LastError
		}
		m.Self = id == s.Number
		m.Connected = m.Connected || m.Self
		all = append(all, m)
	}
	return all
}

func stateOf(st *Status, s *logserver.Standing) State {
	away, near := 0, 0
	for _, m := range st.Members {
		switch {
		case m.Number == s.Number:
		case m.Connected:
			near++
		default:
			away++
		}
	}
	switch {
	case s.Removed:
		return Removed
	case near == 0:
		return Lonely
	case away > 0 || s.Members.Joint() || !s.Serving:
		return Unbalanced
	}
	return Joined
}

// ring returns the ring of the members, as the settings want it. Of two with one seat the newer is on it: it takes the
// other's place.
func (st *Status) ring() (*ring.Ring, error) {
	var list []ring.Member
	for i, m := range st.Members { // ascending
		if slices.ContainsFunc(st.Members[i+1:], func(newer Member) bool { return newer.Seat == m.Seat }) {
			continue
		}
		list = append(list, ring.Member{ID: m.Number, Seat: m.Seat, Name: m.Name, Zone: m.Zone, Region: m.Region})
	}
	p := order.Placement{}.WithDefaults()
	if st.Settings != nil {
		p = *st.Settings
	}
	return ring.New(list, ring.Settings{Replicas: p.Replicas, OtherZones: p.OtherZones, OtherRegions: p.OtherRegions})
}

// Owners returns the members that own a value, as many as there are to be replicas, in the order in
// which they answer for it.
func (n *Node) Owners(value string) ([]Member, error) {
	st := n.Status()
	r, err := st.ring()
	if err != nil {
		return nil, err
	}
	byNumber := map[uint64]Member{}
	for _, m := range st.Members {
		byNumber[m.Number] = m
	}
	var owners []Member
	for _, number := range r.Owners(nil, sha256.Sum256([]byte(value))) {
		owners = append(owners, byNumber[number])
	}
	return owners, nil
}

// Owns tells whether this node is the owner of a value.
func (n *Node) Owns(value string) bool {
	owners, err := n.Owners(value)
	return err == nil && len(owners) > 0 && owners[0].Number == n.Status().Number
}

// Known returns the addresses of the nodes that this one knows, to be used as Peers.
func (n *Node) Known() []string {
	var known []string
	for _, m := range n.Status().Members {
		if m.Address != "" && m.Address != n.options.Address {
			known = append(known, m.Address)
		}
	}
	return known
}

// Clients returns where clients reach the members, this node first. It doesn't wait.
func (n *Node) Clients() []string {
	all := []string{n.options.Clients}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(n.others)) {
		if at := n.others[id].Clients; at != "" {
			all = append(all, at)
		}
	}
	return all
}
