package ring_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/ring"
)

// cluster is a random one: up to 20 members in up to 4 regions of up to 4 zones, some without a name, and settings
// that may ask for more than there is.
func cluster(rng *rand.Rand) ([]ring.Member, ring.Settings) {
	members := several(rng, 1+rng.IntN(20))
	regions, zones := 1+rng.IntN(4), 1+rng.IntN(4)
	for i := range members {
		if k := rng.IntN(regions); k > 0 {
			members[i].Region = fmt.Sprint("r", k)
		}
		if k := rng.IntN(zones); k > 0 {
			members[i].Zone = fmt.Sprint("z", k)
		}
	}
	return members, ring.Settings{Replicas: 1 + rng.IntN(6), OtherZones: rng.IntN(4), OtherRegions: rng.IntN(4)}
}

// eachCluster calls fn for random rings, and for some digests of each.
func eachCluster(t *testing.T, fn func(t *testing.T, rng *rand.Rand, r *ring.Ring, d [32]byte)) {
	t.Helper()
	for round := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, round))
		members, settings := cluster(rng)
		r, err := ring.Build(members, settings, 64) // few points: what is tested here doesn't depend on it
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			fn(t, rng, r, digest(i))
		}
		if t.Failed() {
			t.Fatalf("round %d: %+v of %+v", round, settings, members)
		}
	}
}

// order is the ring order of a digest: what the owners are when all are, and nothing is asked for elsewhere.
func order(r *ring.Ring, d [32]byte) []ring.Member {
	members := r.Members()
	plain, err := ring.Build(members, ring.Settings{Replicas: len(members)}, 64)
	if err != nil {
		panic(err)
	}
	return resolve(r, plain.Owners(nil, d))
}

func resolve(r *ring.Ring, ids []uint64) []ring.Member {
	var members []ring.Member
	for _, id := range ids {
		m, ok := r.Member(id)
		if !ok {
			panic(fmt.Sprint("no member ", id))
		}
		members = append(members, m)
	}
	return members
}

type zone struct{ region, name string }

// spread is who of some is elsewhere than the first of them.
type spread struct {
	zones, regions         int // replicas in other zones of its region, in other regions
	zoneNames, regionNames int // different ones among these
	regionZones            int // different zones in other regions
}

func spreadOf(home ring.Member, members []ring.Member) spread {
	var s spread
	zones, regions, regionZones := map[zone]bool{}, map[string]bool{}, map[zone]bool{}
	for _, m := range members {
		switch {
		case m.Region != home.Region:
			s.regions++
			regions[m.Region] = true
			regionZones[zone{m.Region, m.Zone}] = true
		case m.Zone != home.Zone:
			s.zones++
			zones[zone{m.Region, m.Zone}] = true
		}
	}
	s.zoneNames, s.regionNames, s.regionZones = len(zones), len(regions), len(regionZones)
	return s
}

// wants is how much of have is elsewhere, at least, when missing more are taken of available: the rules of
// the package document, counted in another way than the package does.
func wants(settings ring.Settings, have, available spread, missing int) spread {
	zones := min(max(settings.OtherZones-have.zones, 0), available.zones, missing)
	regions := min(max(settings.OtherRegions-have.regions, 0), available.regions, missing-zones)
	return spread{zones: have.zones + zones, regions: have.regions + regions}
}

func TestOwnersAreSpreadAsAsked(t *testing.T) {
	spreads := 0
	eachCluster(t, func(t *testing.T, _ *rand.Rand, r *ring.Ring, d [32]byte) {
		settings, all := r.Settings(), order(r, d)
		ids := r.Owners(nil, d)
		owners := resolve(r, ids)
		if len(ids) != min(settings.Replicas, len(all)) {
			t.Errorf("%d owners", len(ids))
		}
		last := -1
		for _, m := range owners { // in ring order, so none is there twice
			at := slices.Index(all, m)
			if at <= last {
				t.Errorf("owners %v are not in ring order %v", owners, all)
			}
			last = at
		}
		if owners[0] != all[0] {
			t.Errorf("home %v, want %v", owners[0], all[0])
		}
		got, available := spreadOf(all[0], owners), spreadOf(all[0], all)
		want := wants(settings, spread{}, available, len(owners)-1)
		if got.zones < want.zones || got.regions < want.regions {
			t.Errorf("%+v elsewhere, want at least %+v: %v of %v", got, want, owners, all)
		}
		if got.zoneNames < min(want.zones, available.zoneNames) || got.regionNames < min(want.regions, available.regionNames) ||
			got.regionZones < min(want.regions, available.regionZones) {
			t.Errorf("%+v elsewhere, where %+v could be: %v of %v", got, available, owners, all)
		}
		if want.zones > 1 || want.regions > 1 {
			spreads++
		}
		for _, m := range all {
			if r.Owns(m.ID, d) != slices.Contains(ids, m.ID) {
				t.Errorf("does %d own? %v", m.ID, ids)
			}
		}
	})
	if spreads < 500 {
		t.Errorf("only %d digests with more than one owner elsewhere: what was tested?", spreads)
	}
}

// Where no more owners are elsewhere than was asked for, none could be exchanged for a member that comes
// before it in ring order without losing some of that: checked by trying.
func TestOwnersComeAsEarlyAsTheyCan(t *testing.T) {
	tried := 0
	eachCluster(t, func(t *testing.T, _ *rand.Rand, r *ring.Ring, d [32]byte) {
		all, owners := order(r, d), resolve(r, r.Owners(nil, d))
		got := spreadOf(all[0], owners)
		if got.zones > r.Settings().OtherZones || got.regions > r.Settings().OtherRegions {
			return
		}
		for k := 1; k < len(owners); k++ {
			for _, m := range all[:slices.Index(all, owners[k])] {
				if slices.Contains(owners, m) {
					continue
				}
				other := slices.Clone(owners)
				other[k] = m
				s := spreadOf(all[0], other)
				tried++
				if s.zones >= got.zones && s.regions >= got.regions && s.zoneNames >= got.zoneNames && s.regionNames >= got.regionNames && zones(other) >= zones(owners) {
					t.Errorf("%v could be %v in ring order %v", owners, other, all)
				}
			}
		}
	})
	if tried < 500 {
		t.Errorf("only %d exchanges tried", tried)
	}
}

func zones(members []ring.Member) int {
	names := map[zone]bool{}
	for _, m := range members {
		names[zone{m.Region, m.Zone}] = true
	}
	return len(names)
}
