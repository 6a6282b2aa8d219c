package ring

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// Owners appends the IDs of a digest's owners to dst, in ring order, its home first. It allocates nothing
// when dst has room and there are no more than 8 of them.
func (r *Ring) Owners(dst []uint64, digest [32]byte) []uint64 {
	return r.Replace(dst, digest, nil, nil)
}

// Owns tells whether the member is one of the digest's owners.
func (r *Ring) Owns(id uint64, digest [32]byte) bool {
	var some [few]uint64
	return slices.Contains(r.Owners(some[:0], digest), id)
}

// Owner returns the home of any string: the first owner of its SHA-256.
func (r *Ring) Owner(value string) uint64 {
	digest := sha256.Sum256([]byte(value))
	return r.members[r.whose[r.start(digest)]].ID
}

// Replace appends to dst, in ring order, those who become owners of the digest beside kept, its owners that
// remain, when none of failed can: as many as are missing and can be had. Each is the next in ring order,
// but where kept has too few in other zones or regions than its first, it is one that makes up for it,
// if any can. A member that isn't in the ring counts neither here nor there.
//
// Who stores content on its owners keeps those that have it or may have it yet, in their order, and adds
// each that fails to failed.
func (r *Ring) Replace(dst []uint64, digest [32]byte, kept, failed []uint64) []uint64 {
	var some, others [few]uint16
	c := choice{Ring: r, start: r.start(digest), failed: r.places(others[:0], failed)}
	taken := r.places(some[:0], kept)
	before := len(taken)
	taken = c.fill(taken)
	c.order(taken[before:])
	for _, m := range taken[before:] {
		dst = append(dst, r.members[m].ID)
	}
	return dst
}

// Successors appends to dst the IDs of all members that don't own the digest, in the order in which they
// would come to if the owners before them were all gone: as well spread over zones and regions as what is
// left can be, set by set.
func (r *Ring) Successors(dst []uint64, digest [32]byte) []uint64 {
	gone := r.Owners(nil, digest)
	owners := len(gone)
	for len(gone) < len(r.members) {
		gone = r.Replace(gone, digest, nil, gone)
	}
	return append(dst, gone[owners:]...)
}

// start is the first point at or behind the digest.
func (r *Ring) start(digest [32]byte) int {
	at, _ := slices.BinarySearch(r.at, binary.BigEndian.Uint64(digest[:8]))
	return at % len(r.at)
}

func (r *Ring) places(dst []uint16, ids []uint64) []uint16 {
	for _, id := range ids {
		if m, ok := r.find(id); ok && !slices.Contains(dst, uint16(m)) {
			dst = append(dst, uint16(m))
		}
	}
	return dst
}

// few is how many owners or failed members need no allocation.
const few = 8

// choice is the choosing of one digest's owners. Those taken so far, at first those that are kept, go from hand
// to hand: held in here, they could not stay on the stack.
type choice struct {
	*Ring
	start  int // where the ring order begins
	failed []uint16
}

// fill takes members until there are as many as there should be, or no more can be had.
func (c *choice) fill(taken []uint16) []uint16 {
	replicas, zones, regions := c.settings.Replicas, c.settings.OtherZones, c.settings.OtherRegions
	ok := true
	if len(taken) == 0 {
		if taken, ok = c.take(taken, anywhere); !ok {
			return taken
		}
	}
	home := taken[0]
	for _, m := range taken {
		switch {
		case c.regions[m] != c.regions[home]:
			regions--
		case c.zones[m] != c.zones[home]:
			zones--
		}
	}
	for ; ok && zones > 0 && len(taken) < replicas; zones-- {
		taken, ok = c.take(taken, otherZone)
	}
	for ok = true; ok && regions > 0 && len(taken) < replicas; regions-- {
		taken, ok = c.take(taken, otherRegion)
	}
	for ok = true; ok && len(taken) < replicas; {
		taken, ok = c.take(taken, anywhere)
	}
	return taken
}

// where is where the next owner should be, as seen from the home.
type where int

const (
	anywhere where = iota
	otherZone
	otherRegion
)

// take takes the first in ring order of those that suit best, if any does.
func (c *choice) take(taken []uint16, w where) ([]uint16, bool) {
	best := unfit
	for m := 0; m < len(c.members) && best > 0; m++ {
		best = min(best, c.fitness(taken, w, uint16(m)))
	}
	if best == unfit {
		return taken, false
	}
	i := c.start
	for c.fitness(taken, w, c.whose[i]) != best {
		i = c.behind(i)
	}
	return append(taken, c.whose[i]), true
}

func (c *choice) behind(i int) int {
	if i++; i < len(c.whose) {
		return i
	}
	return 0
}

const unfit = 3

// fitness says how well a member suits: 0 is best, unfit is not at all.
func (c *choice) fitness(taken []uint16, w where, m uint16) int {
	if slices.Contains(taken, m) || slices.Contains(c.failed, m) {
		return unfit
	}
	if w == anywhere {
		return 0
	}
	home := taken[0]
	if other := c.regions[m] != c.regions[home]; other != (w == otherRegion) || c.zones[m] == c.zones[home] {
		return unfit
	}
	newZone, newRegion := true, true
	for _, t := range taken {
		newZone = newZone && c.zones[t] != c.zones[m]
		newRegion = newRegion && c.regions[t] != c.regions[m]
	}
	switch {
	case newRegion, newZone && w == otherZone:
		return 0
	case newZone:
		return 1
	}
	return 2
}

// order brings members into ring order.
func (c *choice) order(members []uint16) {
	if c.settings.OtherZones == 0 && c.settings.OtherRegions == 0 {
		return // taken in ring order
	}
	for i := c.start; len(members) > 1; i = c.behind(i) {
		if k := slices.Index(members, c.whose[i]); k >= 0 {
			members[0], members[k] = members[k], members[0]
			members = members[1:]
		}
	}
}
