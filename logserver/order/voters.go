package order

import "slices"

// seated is a node that votes, or may, and the zone that it is in.
type seated struct {
	id   uint64
	zone string
}

// crowd counts voters by zone.
func crowd(voters []seated) map[string]int {
	n := make(map[string]int)
	for _, v := range voters {
		n[v.zone]++
	}
	return n
}

// choose returns n of those who are ready to vote: one after the other whose zone has the
// fewest voters, of equals the one with the lowest number.
func choose(voters, ready []seated, n int) (chosen []uint64) {
	zones, left := crowd(voters), slices.Clone(ready)
	for range min(n, len(left)) {
		best := 0
		for i := range left {
			a, b := zones[left[i].zone], zones[left[best].zone]
			if a < b || a == b && left[i].id < left[best].id {
				best = i
			}
		}
		chosen = append(chosen, left[best].id)
		zones[left[best].zone]++
		left = slices.Delete(left, best, best+1)
	}
	return chosen
}

// spread returns a voter to be replaced by one who is ready, so that a zone with too many
// voters has one less and one with fewer one more; ok is false if that makes nothing better.
// keep stays.
func spread(voters, ready []seated, keep uint64) (out, in uint64, ok bool) {
	zones := crowd(voters)
	most, fewest := -1, -1
	for i, v := range voters {
		if v.id != keep && (most < 0 || zones[v.zone] > zones[voters[most].zone]) {
			most = i
		}
	}
	for i, v := range ready {
		if fewest < 0 || zones[v.zone] < zones[ready[fewest].zone] {
			fewest = i
		}
	}
	if most < 0 || fewest < 0 || zones[voters[most].zone]-zones[ready[fewest].zone] < 2 {
		return 0, 0, false
	}
	return voters[most].id, ready[fewest].id, true
}

// seated returns where nodes are.
func (c *Core) seated(ids []uint64) (list []seated) {
	for _, id := range ids {
		s := seated{id: id}
		if k := c.state.known(id); k != nil && c.options.Zone != nil {
			s.zone = c.options.Zone(k.about)
		}
		list = append(list, s)
	}
	return list
}
