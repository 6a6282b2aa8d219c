package placed_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/placed"
	"github.com/ringlog/ringlog/blobstore/ring"
)

// circles are those that were made: it takes a while.
var circles = map[int]map[ring.Settings]*ring.Ring{}

// circle returns the ring of members 1 to n, each third of them in a zone of its own.
func circle(t testing.TB, n int, s ring.Settings) *ring.Ring {
	t.Helper()
	if r := circles[n][s]; r != nil {
		return r
	}
	var members []ring.Member
	for id := range uint64(n) {
		members = append(members, ring.Member{ID: id + 1, Zone: string("abc"[id%3])})
	}
	r, err := ring.New(members, s)
	if err != nil {
		t.Fatal(err)
	}
	if circles[n] == nil {
		circles[n] = map[ring.Settings]*ring.Ring{}
	}
	circles[n][s] = r
	return r
}

// talk is a conversation with a Placer about one batch on a ring of five, of which three own it.
type talk struct {
	*placed.Placer
	t      *testing.T
	ring   *ring.Ring
	digest blobstore.Digest
	owners []uint64
	next   []uint64 // those that come after the owners
	ticket placed.Ticket
}

func newTalk(t *testing.T, needed int, o placed.Options) *talk {
	c := &talk{Placer: placed.New(o), t: t, ring: circle(t, 5, ring.Settings{Replicas: 3}), digest: blobstore.Sum([]byte("some"))}
	c.owners = c.ring.Owners(nil, c.digest)
	c.next = c.ring.Successors(nil, c.digest)
	c.Use(c.ring, needed)
	c.ticket = c.begin()
	return c
}

func (c *talk) begin() placed.Ticket {
	c.t.Helper()
	ticket, err := c.Begin(c.digest, 10)
	if err != nil {
		c.t.Fatal(err)
	}
	return ticket
}

func (c *talk) ticks(n int) {
	for range n {
		c.Tick()
	}
}

func (c *talk) sends(want ...uint64) {
	c.t.Helper()
	var got []uint64
	for _, p := range c.Send() {
		got = append(got, p.To)
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("sent to %d, want %d", got, want)
	}
}

func (c *talk) holders(want ...uint64) {
	c.t.Helper()
	slices.Sort(want)
	if got, err := c.Holders(c.ticket); err != nil || !slices.Equal(got, want) {
		c.t.Errorf("holders %d, %v; want %d", got, err, want)
	}
}

func (c *talk) over(want ...placed.Ticket) {
	c.t.Helper()
	if got := c.Over(); !slices.Equal(got, want) {
		c.t.Errorf("over are %d, want %d", got, want)
	}
}

// TestOwnersGetIt: all owners are sent the batch; it has its holders when as many as are needed have
// answered.
func TestOwnersGetIt(t *testing.T) {
	for needed := 1; needed <= 3; needed++ {
		c := newTalk(t, needed, placed.Options{})
		c.sends(c.owners...)
		for i, node := range c.owners {
			if i < needed {
				c.holders()
			}
			c.Held(node, blobstore.Sum([]byte("another")))
			c.Held(node, c.digest)
			c.Held(node, c.digest)
			if i+1 >= needed {
				c.holders(c.owners[:i+1]...)
			}
		}
		c.over()
	}
}

// TestAllHaveIt: what was proposed is over when the last replica is there.
func TestAllHaveIt(t *testing.T) {
	c := newTalk(t, 2, placed.Options{})
	c.Held(c.owners[1], c.digest)
	c.Held(c.owners[2], c.digest)
	c.holders(c.owners[1:]...)
	c.Proposed(c.ticket)
	c.over()
	c.Held(c.owners[0], c.digest)
	c.over(c.ticket)
	c.over()
}

// TestSilentOwnerIsReplaced: the next on the ring takes the replica of an owner that is silent, and of the
// next one; who answers late has it all the same.
func TestSilentOwnerIsReplaced(t *testing.T) {
	c := newTalk(t, 3, placed.Options{Patience: 4})
	c.sends(c.owners...)
	c.Held(c.owners[0], c.digest)
	c.Held(c.owners[2], c.digest)
	c.ticks(3)
	c.sends()
	c.ticks(1)
	c.sends(c.next[0])
	c.ticks(4)
	c.sends(c.next[1])
	c.holders()
	c.Held(c.owners[1], c.digest)
	c.holders(c.owners...)
	c.Proposed(c.ticket)
	c.over()
	c.ticks(4)
	c.sends() // there is nobody left
	c.over(c.ticket)
}

// TestSilentIsLeftOut: batches that begin later are not sent to who was silent, until that is long ago, or
// it has answered.
func TestSilentIsLeftOut(t *testing.T) {
	c := newTalk(t, 2, placed.Options{Patience: 4, Shun: 10})
	c.sends(c.owners...)
	c.Held(c.owners[0], c.digest)
	c.Held(c.owners[1], c.digest)
	c.ticks(4)
	c.sends(c.next[0])
	c.begin()
	c.sends(c.owners[0], c.owners[1], c.next[0])
	c.ticks(10)
	c.Send()
	c.begin()
	c.sends(c.owners...)
	c.ticks(4)
	c.Held(c.owners[2], c.digest)
	c.Send()
	c.begin()
	if got := c.Send(); !slices.ContainsFunc(got, func(p placed.Hold) bool { return p.To == c.owners[2] }) {
		t.Errorf("who has answered is left out: %v", got)
	}
}

// TestTooFew: what too few hold is given up in time, and nothing can begin where there are too few members.
func TestTooFew(t *testing.T) {
	c := newTalk(t, 3, placed.Options{Patience: 2, GiveUp: 7})
	c.Held(c.owners[0], c.digest)
	c.Held(c.owners[1], c.digest)
	c.ticks(6)
	c.holders()
	c.ticks(1)
	if _, err := c.Holders(c.ticket); !errors.Is(err, placed.ErrTooFew) {
		t.Errorf("given up: %v", err)
	}
	c.over()
	c.End(c.ticket)
	c.over(c.ticket)
	if _, err := c.Holders(c.ticket); !errors.Is(err, placed.ErrTooFew) {
		t.Errorf("ended: %v", err)
	}
	c.Use(circle(t, 2, ring.Settings{Replicas: 3}), 3)
	if _, err := c.Begin(c.digest, 1); !errors.Is(err, placed.ErrTooFew) {
		t.Errorf("begin among two: %v", err)
	}
	if _, err := placed.New(placed.Options{}).Begin(c.digest, 1); !errors.Is(err, placed.ErrTooFew) {
		t.Errorf("begin without a ring: %v", err)
	}
}

// TestMemberGoes: who is a member no more doesn't count, and another takes its replica.
func TestMemberGoes(t *testing.T) {
	c := newTalk(t, 2, placed.Options{})
	c.Send()
	c.Held(c.owners[0], c.digest)
	c.Held(c.owners[1], c.digest)
	c.holders(c.owners[:2]...)
	var stay []ring.Member
	for _, m := range c.ring.Members() {
		if m.ID != c.owners[0] {
			stay = append(stay, m)
		}
	}
	r, err := ring.New(stay, ring.Settings{Replicas: 3})
	if err != nil {
		t.Fatal(err)
	}
	c.Use(r, 2)
	c.sends(c.next[0])
	c.holders()
	c.Held(c.next[0], c.digest)
	c.holders(c.owners[1], c.next[0])
}

// TestBounds: what goes on after it was proposed is bounded by age, number and bytes; the oldest is let go.
func TestBounds(t *testing.T) {
	for _, o := range []placed.Options{{Batches: 2}, {Bytes: 25}} {
		c := newTalk(t, 1, o)
		c.Held(c.owners[0], c.digest)
		tickets := []placed.Ticket{c.ticket, c.begin(), c.begin()}
		c.Held(c.owners[0], c.digest)
		for _, ticket := range tickets {
			c.over()
			c.Proposed(ticket)
		}
		c.over(tickets[0])
	}
	c := newTalk(t, 1, placed.Options{Patience: 100, Age: 6})
	c.Held(c.owners[0], c.digest)
	c.Proposed(c.ticket)
	c.ticks(5)
	c.over()
	c.ticks(1)
	c.over(c.ticket)
}
