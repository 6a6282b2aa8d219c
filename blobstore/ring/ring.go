package ring

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// virtual is how many points a member has, a multiple of 4. The member that is the farthest off its part, in
// 300 rings of nine with three replicas, one replica, three zones: 7, 11, 10 % with 1024 points, 5, 8, 6 % with
// 2048, 3, 5, 5 % with 4096. To make a ring of nine takes 3 ms.
const virtual = 2048

// maxMembers is how many a Ring can tell apart.
const maxMembers = 1 << 16

// ErrMembers is what New says of members or settings that make no ring.
var ErrMembers = errors.New("no ring can be made of these members")

// Member is a node that owns content.
type Member struct {
	ID     uint64 // its number in the cluster, not 0; never given again
	Seat   uint64 // the number that its points come from: of the node it replaced, to own what that owned; 0: its ID
	Name   string // for people; no owner depends on it
	Zone   string // within its region; members without one are in a zone together
	Region string
}

// Settings are how many owners content has, and how many of them elsewhere than its home.
type Settings struct {
	Replicas     int // at least 1; all members when there are fewer
	OtherZones   int // in other zones of the home's region, if possible
	OtherRegions int // in other regions, if possible
}

// Ring tells who owns what. It never changes.
type Ring struct {
	settings Settings
	members  []Member // ascending by ID; elsewhere a member is its place here
	zones    []int32  // of each member, numbered over all regions
	regions  []int32  // of each member
	around   []int    // the members by their first points
	at       []uint64 // all points, ascending
	whose    []uint16 // the member at each
}

// New makes the ring of these members, in whatever order they are given. It returns an ErrMembers if there
// are none or too many, two have the same ID or seat, one has the ID 0, or a setting is out of range.
func New(members []Member, settings Settings) (*Ring, error) {
	return build(members, settings, virtual)
}

func build(members []Member, settings Settings, virtual int) (*Ring, error) {
	if settings.Replicas < 1 || settings.OtherZones < 0 || settings.OtherRegions < 0 {
		return nil, fmt.Errorf("%w: settings %+v; want at least one replica, and no negative number", ErrMembers, settings)
	}
	if len(members) < 1 || len(members) > maxMembers {
		return nil, fmt.Errorf("%w: %d of them; want 1 to %d", ErrMembers, len(members), maxMembers)
	}
	r := &Ring{settings: settings, members: slices.Clone(members)}
	slices.SortFunc(r.members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	if err := r.seat(); err != nil {
		return nil, err
	}
	r.locate()
	r.draw(virtual)
	return r, nil
}

// seat gives a seat to those that have none, and refuses what is there twice.
func (r *Ring) seat() error {
	seats := make(map[uint64]uint64, len(r.members))
	for i := range r.members {
		m := &r.members[i]
		if m.ID == 0 || i > 0 && r.members[i-1].ID == m.ID {
			return fmt.Errorf("%w: ID %d is 0 or there twice", ErrMembers, m.ID)
		}
		if m.Seat == 0 {
			m.Seat = m.ID
		}
		if other, taken := seats[m.Seat]; taken {
			return fmt.Errorf("%w: %d and %d have the same seat %d", ErrMembers, other, m.ID, m.Seat)
		}
		seats[m.Seat] = m.ID
	}
	return nil
}

// locate numbers zones and regions, so that looking up compares no strings.
func (r *Ring) locate() {
	type zone struct{ region, name string }
	zones, regions := map[zone]int32{}, map[string]int32{}
	for _, m := range r.members {
		r.zones = append(r.zones, number(zones, zone{m.Region, m.Zone}))
		r.regions = append(r.regions, number(regions, m.Region))
	}
}

func number[K comparable](known map[K]int32, k K) int32 {
	n, ok := known[k]
	if !ok {
		n = int32(len(known))
		known[k] = n
	}
	return n
}

// point is where a member stands on the circle.
type point struct {
	at    uint64
	whose uint16
}

// draw puts every member's points on the circle.
func (r *Ring) draw(virtual int) {
	all := make([]point, 0, len(r.members)*virtual)
	var firsts []point
	for i, m := range r.members {
		n := len(all)
		for k := 0; k < virtual; k += 4 {
			for _, at := range positions(m.Seat, k/4) {
				all = append(all, point{at, uint16(i)})
			}
		}
		firsts = append(firsts, all[n])
	}
	r.sort(all)
	r.sort(firsts)
	for _, p := range firsts {
		r.around = append(r.around, int(p.whose))
	}
	r.at, r.whose = make([]uint64, len(all)), make([]uint16, len(all))
	for i, p := range all {
		r.at[i], r.whose[i] = p.at, p.whose
	}
}

// sort sorts by position; where two members have the same one, by their seats.
func (r *Ring) sort(points []point) {
	slices.SortFunc(points, func(a, b point) int {
		if a.at == b.at {
			return cmp.Compare(r.members[a.whose].Seat, r.members[b.whose].Seat)
		}
		return cmp.Compare(a.at, b.at)
	})
}

// positions are where four of a seat's points are, those of one hash.
func positions(seat uint64, counter int) (at [4]uint64) {
	const name = "ringlog ring 1"
	var text [len(name) + 16]byte
	n := copy(text[:], name)
	binary.BigEndian.PutUint64(text[n:], seat)
	binary.BigEndian.PutUint64(text[n+8:], uint64(counter))
	sum := sha256.Sum256(text[:])
	for i := range at {
		at[i] = binary.BigEndian.Uint64(sum[i*8:])
	}
	return at
}
