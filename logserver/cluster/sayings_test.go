package cluster

import (
	"fmt"
	"testing"
	"time"
)

// The same line came each second, in the log of a node that others were told of by mistake, and as often as a stranger liked.
func TestSayingsAreFew(t *testing.T) {
	var s sayings
	now := time.Now()
	for i, c := range []struct {
		what    string
		after   time.Duration
		leftOut int
		ok      bool
	}{
		{"a", 0, 0, true}, {"a", time.Second, 0, false}, {"a", sayAgain - 1, 0, false}, {"b", sayAgain - 1, 2, true},
		{"a", sayAgain, 0, true}, {"b", sayAgain, 0, true}, {"b", sayAgain + 1, 0, false},
	} {
		if leftOut, ok := s.may(c.what, now.Add(c.after)); leftOut != c.leftOut || ok != c.ok {
			t.Errorf("%d: %s: %d, %v", i, c.what, leftOut, ok)
		}
	}
	said := 0
	for i := range 10 * maxSaid {
		if _, ok := s.may(fmt.Sprint(i), now.Add(3*sayAgain)); ok {
			said++
		}
	}
	if said != maxSaid {
		t.Errorf("%d were said", said)
	}
}
