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

func TestReplaceMakesUpForWhoFailed(t *testing.T) {
	mended := 0
	eachCluster(t, func(t *testing.T, rng *rand.Rand, r *ring.Ring, d [32]byte) {
		settings, all := r.Settings(), order(r, d)
		owners := r.Owners(nil, d)
		kept := slices.DeleteFunc(slices.Clone(owners), func(uint64) bool { return rng.IntN(3) == 0 })
		var failed []uint64
		for _, m := range all {
			if slices.Contains(owners, m.ID) != slices.Contains(kept, m.ID) || rng.IntN(5) == 0 && !slices.Contains(kept, m.ID) {
				failed = append(failed, m.ID)
			}
		}
		added := r.Replace(nil, d, kept, failed)
		missing := min(settings.Replicas, len(all)-len(failed)) - len(kept)
		if len(added) != missing {
			t.Fatalf("%d added to %d of %d, want %d", len(added), len(kept), settings.Replicas, missing)
		}
		for i, id := range added {
			if slices.Contains(kept, id) || slices.Contains(failed, id) || slices.Contains(added[:i], id) {
				t.Fatalf("%d added to %v, where %v failed", id, kept, failed)
			}
		}
		if len(kept) == 0 {
			return
		}
		home, _ := r.Member(kept[0])
		rest := slices.DeleteFunc(slices.Clone(all), func(m ring.Member) bool {
			return slices.Contains(kept, m.ID) || slices.Contains(failed, m.ID)
		})
		have := spreadOf(home, resolve(r, kept))
		want := wants(settings, have, spreadOf(home, rest), missing)
		got := spreadOf(home, resolve(r, append(slices.Clone(kept), added...)))
		if got.zones < want.zones || got.regions < want.regions {
			t.Fatalf("%+v elsewhere, want at least %+v: %v beside %v of %v", got, want, added, kept, all)
		}
		if want.zones > have.zones || want.regions > have.regions {
			mended++
		}
		if settings.OtherZones+settings.OtherRegions == 0 && len(rest) > 0 && missing > 0 && added[0] != rest[0].ID {
			t.Fatalf("%v, want %v, the next in ring order", added, rest)
		}
	})
	if mended < 200 {
		t.Errorf("only %d sets had to be mended: what was tested?", mended)
	}
}

func TestReplaceReadsAsADialogue(t *testing.T) {
	members := numbered(6, 3, 1) // zones: 1 4 | 2 5 | 3 6 … by their order, see numbered
	r := mustNew(t, members, ring.Settings{Replicas: 3, OtherZones: 2})
	d := digest(1)
	owners := r.Owners(nil, d)
	for i, lost := range owners {
		kept := slices.Delete(slices.Clone(owners), i, i+1)
		added := r.Replace(nil, d, kept, []uint64{lost})
		m, _ := r.Member(lost)
		n, _ := r.Member(added[0])
		if len(added) != 1 || n.Zone != m.Zone {
			t.Errorf("%d of %s failed: %v, want the other of that zone", lost, m.Zone, added)
		}
		// That one fails as well: nobody is left in the zone, so anybody else it is.
		again := r.Replace(nil, d, kept, []uint64{lost, added[0]})
		if len(again) != 1 || again[0] == lost || again[0] == added[0] || slices.Contains(kept, again[0]) {
			t.Errorf("then %v beside %v", again, kept)
		}
	}
	if added := r.Replace(nil, d, owners, nil); len(added) != 0 {
		t.Errorf("nobody failed, and %v come", added)
	}
	if added := r.Replace(nil, d, []uint64{owners[0], 99, 99, owners[0]}, []uint64{98}); len(added) != 2 {
		t.Errorf("%v beside one that is there and one that is unknown", added)
	}
}

func TestSuccessorsAreAllOthersAndSpread(t *testing.T) {
	eachCluster(t, func(t *testing.T, _ *rand.Rand, r *ring.Ring, d [32]byte) {
		owners := r.Owners(nil, d)
		successors := r.Successors([]uint64{7}, d)
		if successors[0] != 7 {
			t.Fatal("what dst held is gone")
		}
		successors = successors[1:]
		everybody := append(slices.Clone(owners), successors...)
		slices.Sort(everybody)
		if len(everybody) != len(r.Members()) || len(slices.Compact(everybody)) != len(r.Members()) {
			t.Fatalf("owners %v, successors %v", owners, successors)
		}
		if n := min(r.Settings().Replicas, len(successors)); n > 0 {
			if next := r.Replace(nil, d, nil, owners); !slices.Equal(next, successors[:n]) {
				t.Fatalf("successors %v, but %v replace the owners", successors, next)
			}
		}
	})
}
