package ring_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/ring"
)

// seed begins every random number here: a failure can be had again.
const seed = 20261120

// several are n members of distinct random IDs, without zones.
func several(rng *rand.Rand, n int) []ring.Member {
	members := make([]ring.Member, 0, n)
	for len(members) < n {
		if id := rng.Uint64(); id != 0 {
			members = append(members, ring.Member{ID: id})
		}
	}
	return members
}

// numbered are the members 1 to n, as a cluster numbers them, in that many zones of each of that many regions.
func numbered(n, zones, regions int) []ring.Member {
	members := make([]ring.Member, n)
	for i := range members {
		members[i] = ring.Member{ID: uint64(i + 1), Name: fmt.Sprintf("node-%d", i+1),
			Region: fmt.Sprintf("region-%d", i%regions), Zone: fmt.Sprintf("zone-%d", i/regions%zones)}
	}
	return members
}

func mustNew(t testing.TB, members []ring.Member, settings ring.Settings) *ring.Ring {
	t.Helper()
	r, err := ring.New(members, settings)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func digest(n int) blobstore.Digest {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
}

func TestNoRingCanBeMade(t *testing.T) {
	one := ring.Settings{Replicas: 1}
	for name, c := range map[string]struct {
		members  []ring.Member
		settings ring.Settings
	}{
		"no member":        {nil, one},
		"too many members": {numbered(1<<16+1, 1, 1), one},
		"ID 0":             {[]ring.Member{{ID: 0}, {ID: 1}}, one},
		"ID twice":         {[]ring.Member{{ID: 2, Seat: 3}, {ID: 1}, {ID: 2}}, one},
		"seat twice":       {[]ring.Member{{ID: 1}, {ID: 2, Seat: 1}}, one},
		"no replica":       {numbered(3, 1, 1), ring.Settings{}},
		"negative zones":   {numbered(3, 1, 1), ring.Settings{Replicas: 3, OtherZones: -1}},
		"negative regions": {numbered(3, 1, 1), ring.Settings{Replicas: 3, OtherRegions: -1}},
	} {
		if r, err := ring.New(c.members, c.settings); !errors.Is(err, ring.ErrMembers) || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// TestGolden: where content lies is cluster state. If this fails, what it tests is to be mended, not the numbers:
// another placement needs another version, ordered by the cluster.
func TestGolden(t *testing.T) {
	plain, spread := ring.Settings{Replicas: 3}, ring.Settings{Replicas: 3, OtherZones: 1, OtherRegions: 1}
	for _, c := range []struct {
		members  []ring.Member
		settings ring.Settings
		first    string // owners of digest(0), digest(1), digest(2)
		all      string // SHA-256 over owners and successors of the first 2,000 digests
	}{
		{numbered(1, 1, 1), plain, "[[1] [1] [1]]", "fc9cd66f44d537b6"},
		{numbered(5, 1, 1), plain, "[[4 3 2] [3 1 4] [3 2 5]]", "8496078e1f96537a"},
		{numbered(9, 3, 1), plain, "[[9 4 6] [3 1 6] [3 2 7]]", "5ff11fcd5f6dbb0b"},
		{numbered(9, 3, 1), ring.Settings{Replicas: 3, OtherZones: 2}, "[[9 4 2] [3 1 8] [3 2 7]]", "805fe23372dbdda5"},
		{numbered(9, 2, 2), spread, "[[9 4 3] [3 1 6] [3 2 9]]", "7405bdb505f0284a"},
		{numbered(40, 4, 3), ring.Settings{Replicas: 5, OtherZones: 2, OtherRegions: 2}, "[[38 15 25 32 29] [3 25 24 23 18] [14 20 3 31 11]]", "e5f453ddcbe82548"},
	} {
		r := mustNew(t, c.members, c.settings)
		var first []string
		for i := range 3 {
			first = append(first, fmt.Sprint(r.Owners(nil, digest(i))))
		}
		h := sha256.New()
		for i := range 2000 {
			fmt.Fprintln(h, r.Owners(nil, digest(i)), r.Successors(nil, digest(i)))
		}
		for _, m := range r.Members() {
			next, _ := r.Successor(m.ID)
			fmt.Fprintln(h, next)
		}
		if got := fmt.Sprint(first); got != c.first {
			t.Errorf("%d members, %+v: first owners %s, want %s", len(c.members), c.settings, got, c.first)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != c.all {
			t.Errorf("%d members, %+v: all owners %s, want %s", len(c.members), c.settings, got, c.all)
		}
	}
}

func TestOrderOfMembersDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 20 {
		members, settings := cluster(rng)
		a := mustNew(t, members, settings)
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		for i := range members {
			members[i].Name = fmt.Sprint("another name ", i)
		}
		b := mustNew(t, members, settings)
		for i := range 200 {
			x, y := append(a.Owners(nil, digest(i)), a.Successors(nil, digest(i))...), append(b.Owners(nil, digest(i)), b.Successors(nil, digest(i))...)
			if !slices.Equal(x, y) {
				t.Fatalf("%v and %v", x, y)
			}
		}
	}
}

func TestRingKeepsItsMembers(t *testing.T) {
	members := numbered(3, 1, 1)
	r := mustNew(t, members, ring.Settings{Replicas: 2})
	members[0].ID, r.Members()[1].ID = 77, 77
	for id := range uint64(5) {
		if m, ok := r.Member(id); ok != (id >= 1 && id <= 3) || ok && (m.ID != id || m.Seat != id || m.Name != fmt.Sprint("node-", id)) {
			t.Errorf("member %d: %+v, %v", id, m, ok)
		}
	}
	if _, ok := r.Successor(77); ok {
		t.Error("a successor of nobody")
	}
	if _, ok := r.Predecessor(77); ok {
		t.Error("a predecessor of nobody")
	}
	if r.Settings() != (ring.Settings{Replicas: 2}) {
		t.Errorf("%+v", r.Settings())
	}
}

func TestNeighboursGoRound(t *testing.T) {
	for n := 1; n <= 12; n++ {
		r := mustNew(t, numbered(n, 1, 1), ring.Settings{Replicas: 3})
		seen := map[uint64]bool{}
		at := uint64(1)
		for range n {
			next, ok := r.Successor(at)
			back, ok2 := r.Predecessor(next)
			if !ok || !ok2 || back != at || seen[next] {
				t.Fatalf("%d members: behind %d comes %d, before that %d", n, at, next, back)
			}
			seen[next], at = true, next
		}
		if len(seen) != n || at != 1 {
			t.Fatalf("%d members: round by %v, at %d", n, seen, at)
		}
	}
}

func TestOwnerOfAStringOwnsItsContent(t *testing.T) {
	r := mustNew(t, numbered(9, 3, 2), ring.Settings{Replicas: 3, OtherZones: 1, OtherRegions: 1})
	for i := range 1000 {
		value := fmt.Sprint("value ", i)
		if home := r.Owner(value); home != r.Owners(nil, blobstore.Sum([]byte(value)))[0] {
			t.Fatalf("%s: %d", value, home)
		}
	}
	if r.Owner("") == 0 {
		t.Error("nobody owns the empty string")
	}
}

// A node that takes the seat of another owns what that owned, and nothing else moves.
func TestSeat(t *testing.T) {
	members, settings := numbered(9, 3, 1), ring.Settings{Replicas: 3, OtherZones: 2}
	before := mustNew(t, members, settings)
	members[4].ID, members[4].Seat = 10, 5
	after := mustNew(t, members, settings)
	for i := range 2000 {
		want := before.Owners(nil, digest(i))
		for k := range want {
			if want[k] == 5 {
				want[k] = 10
			}
		}
		if got := after.Owners(nil, digest(i)); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}
