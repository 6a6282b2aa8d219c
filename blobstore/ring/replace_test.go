package ring_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/ring"
)

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
