package cluster

import (
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore/ring"
)

// While a node is replaced, the one that takes its place is on the ring, and it isn't.
func TestRingWhileANodeIsReplaced(t *testing.T) {
	st := Status{Members: []Member{{Number: 1, Seat: 1}, {Number: 2, Seat: 2}, {Number: 3, Seat: 3}, {Number: 7, Seat: 2}}}
	r, err := st.ring()
	if err != nil {
		t.Fatal(err)
	}
	want := []ring.Member{{ID: 1, Seat: 1}, {ID: 3, Seat: 3}, {ID: 7, Seat: 2}}
	if got := r.Members(); !slices.Equal(got, want) {
		t.Errorf("on the ring are %+v, want %+v", got, want)
	}
}
