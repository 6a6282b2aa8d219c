package access

import (
	"errors"
	"net/netip"
	"testing"
	"time"
)

var home = netip.MustParseAddr("192.0.2.1")

func TestWrongTokens(t *testing.T) {
	grants, err := Parse([]byte("a " + sum("right") + " read *"))
	if err != nil {
		t.Fatal(err)
	}
	guard := NewGuard(grants)
	for _, wrong := range []string{"", "righ", "right ", "RIGHT", sum("right"), "right\x00"} {
		if _, err := guard.Check([]byte(wrong), home); !errors.Is(err, ErrUnauthorized) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	for range manyFailures {
		_, _ = guard.Check([]byte("wrong"), home)
	}
	if _, err := guard.Check([]byte("right"), home); !errors.Is(err, ErrTooMany) {
		t.Errorf("an address that has said many wrong ones: %v", err)
	}
	if grant, err := guard.Check([]byte("right"), netip.MustParseAddr("192.0.2.2")); err != nil || grant.Name != "a" {
		t.Errorf("another address: %v", err)
	}
	if wrong, ignored := guard.Failures(); wrong != manyFailures || ignored == 0 {
		t.Error(wrong, ignored)
	}
}

func TestFailures(t *testing.T) {
	var f failures
	now := time.Unix(1000, 0)
	for i := range manyFailures {
		if f.tooMany(home, now) {
			t.Fatalf("after %d", i)
		}
		f.add(home, now)
	}
	if !f.tooMany(home, now) || !f.tooMany(home, now.Add(failureEvery-1)) {
		t.Error("so many are allowed, and no more")
	}
	if f.tooMany(home, now.Add(failureEvery)) {
		t.Error("one more is allowed after a while")
	}
	six := netip.MustParseAddr("2001:db8:1:2::1")
	for range manyFailures {
		f.add(six, now)
	}
	for a, want := range map[string]bool{
		"2001:db8:1:2:ffff::": true, "2001:db8:1:3::1": false, "::ffff:192.0.2.1": true, "192.0.2.3": false,
		"fe80::1%eth0": false,
	} {
		if f.tooMany(netip.MustParseAddr(a), now) != want {
			t.Errorf("%s: %v", a, !want)
		}
	}
}

// Of more addresses than are remembered, those stay that have said the most wrong ones.
func TestFailuresAreBounded(t *testing.T) {
	var f failures
	now := time.Unix(1000, 0)
	for range manyFailures {
		f.add(home, now)
	}
	at := netip.MustParseAddr("10.0.0.0")
	for range 3 * maxAddresses {
		f.add(at, now)
		at = at.Next()
	}
	if len(f.until) > maxAddresses || !f.tooMany(home, now) {
		t.Errorf("%d addresses", len(f.until))
	}
	f.add(at, now.Add(time.Hour))
	if len(f.until) != 1 {
		t.Errorf("%d addresses that have been quiet for long", len(f.until)-1)
	}
}
