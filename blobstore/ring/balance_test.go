package ring_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/ring"
)

// worst is how far the member with the most or the least content is from its part, each being R/n: 0.1 is
// 10 %. It is exact, as it goes over the whole circle.
func worst(r *ring.Ring) float64 {
	share := map[uint64]float64{}
	owned := 0.0
	for d, part := range r.Arcs() {
		for _, id := range r.Owners(nil, d) {
			share[id] += part
			owned += part
		}
	}
	far := 0.0
	for _, m := range r.Members() {
		off := share[m.ID]*float64(len(r.Members()))/owned - 1
		far = max(far, off, -off)
	}
	return far
}

func worstOf(t *testing.T, rings, points int, members func(*rand.Rand) []ring.Member, settings ring.Settings) float64 {
	t.Helper()
	far := 0.0
	for i := range rings {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		r, err := ring.Build(members(rng), settings, points)
		if err != nil {
			t.Fatal(err)
		}
		far = max(far, worst(r))
	}
	return far
}

// nine are nine members of random IDs, in so many equal zones.
func nine(zones int) func(*rand.Rand) []ring.Member {
	return func(rng *rand.Rand) []ring.Member {
		members := several(rng, 9)
		for i := range members {
			members[i].Zone = fmt.Sprint(i % zones)
		}
		return members
	}
}

// TestNineMembersAreBalanced: each has its part of the content, give or take 10 %, in every one of many rings.
func TestNineMembersAreBalanced(t *testing.T) {
	const rings = 12
	for _, c := range []struct {
		name     string
		members  func(*rand.Rand) []ring.Member
		settings ring.Settings
	}{
		{"three replicas", nine(1), ring.Settings{Replicas: 3}},
		{"one replica", nine(1), ring.Settings{Replicas: 1}},
		{"three zones", nine(3), ring.Settings{Replicas: 3, OtherZones: 2}},
		{"as a cluster numbers them", func(rng *rand.Rand) []ring.Member {
			members := numbered(30, 1, 1)
			rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
			return members[:9]
		}, ring.Settings{Replicas: 3}},
	} {
		far := worstOf(t, rings, ring.Virtual, c.members, c.settings)
		t.Logf("%s: at most %.1f %% off in %d rings", c.name, far*100, rings)
		if far > 0.1 {
			t.Errorf("%s: a member is %.1f %% off its part", c.name, far*100)
		}
	}
}

// With too few points a member would be off by more: the measure above can tell.
func TestFewPointsAreNotBalanced(t *testing.T) {
	if far := worstOf(t, 10, 128, nine(1), ring.Settings{Replicas: 3}); far < 0.1 {
		t.Errorf("only %.1f %% off with 128 points each: either fewer points would do, or the measure is wrong", far*100)
	}
}

// moved is which part of the owners of b are not owners of the same content in a.
func moved(a, b *ring.Ring) float64 {
	const digests = 3000
	came, all := 0, 0
	var before, after []uint64
	for i := range digests {
		d := digest(i)
		before, after = a.Owners(before[:0], d), b.Owners(after[:0], d)
		all += len(after)
		for _, id := range after {
			if !slices.Contains(before, id) {
				came++
			}
		}
	}
	return float64(came) / float64(all)
}

// TestLittleMoves: a member that comes to make n, or goes from n, moves at most 1.2/n of the content.
func TestLittleMoves(t *testing.T) {
	for _, c := range []struct {
		name     string
		zones    int
		regions  int
		settings ring.Settings
		limit    float64 // n times what may move
		members  []int
	}{
		{"plain", 1, 1, ring.Settings{Replicas: 3}, 1.2, []int{4, 9, 30}},
		{"one replica", 1, 1, ring.Settings{Replicas: 1}, 1.2, []int{2, 9}},
		{"zones, not asked for", 3, 1, ring.Settings{Replicas: 3}, 1.2, []int{9}},
		{"one elsewhere", 3, 1, ring.Settings{Replicas: 3, OtherZones: 1}, 1.2, []int{6, 9}},
		{"one in each zone", 3, 1, ring.Settings{Replicas: 3, OtherZones: 2}, 1.2, []int{6, 9, 30}},
		{"more than there are zones", 2, 1, ring.Settings{Replicas: 3, OtherZones: 2}, 1.3, []int{8}},
		{"two regions", 2, 2, ring.Settings{Replicas: 3, OtherZones: 1, OtherRegions: 1}, 1.3, []int{12}},
		{"three regions", 1, 3, ring.Settings{Replicas: 3, OtherRegions: 1}, 1.2, []int{9}},
	} {
		for _, n := range c.members {
			all := numbered(n, c.zones, c.regions)
			with := mustNew(t, all, c.settings)
			most := 0.0
			for _, i := range []int{0, n / 2, n - 1} {
				without := mustNew(t, slices.Delete(slices.Clone(all), i, i+1), c.settings)
				most = max(most, moved(without, with), moved(with, without))
			}
			t.Logf("%s, %d members: %.2f/n", c.name, n, most*float64(n))
			if most*float64(n) > c.limit {
				t.Errorf("%s: %.2f/n of the content moves at %d members, want at most %.1f/n", c.name, most*float64(n), n, c.limit)
			}
		}
	}
}

// Plainly placed content moves only to the member that comes, or from the one that goes.
func TestNothingElseMoves(t *testing.T) {
	all := numbered(10, 1, 1)
	with, without := mustNew(t, all, ring.Settings{Replicas: 3}), mustNew(t, all[:9], ring.Settings{Replicas: 3})
	for i := range 5000 {
		before, after := without.Owners(nil, digest(i)), with.Owners(nil, digest(i))
		if slices.Contains(after, 10) {
			after = slices.DeleteFunc(after, func(id uint64) bool { return id == 10 })
			before = before[:2]
		}
		if !slices.Equal(before, after) {
			t.Fatalf("%v became %v", before, after)
		}
	}
}
