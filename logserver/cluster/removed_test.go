package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/logserver/cluster"
)

// A number that no node had was "removed", and a
// leader that had left took appends on, told nobody, and said that it had joined.
func TestRemovalSaysWhatItDid(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b := p.open(p.options("b", p.at["a"]))
	p.open(p.options("c", p.at["a"]))
	until(t, "three voters", func() bool { return voters(a) == 3 && voters(b) == 3 })
	ctx := context.Background()
	if _, err := b.Remove(ctx, "99"); err == nil || !strings.Contains(err.Error(), "no member") {
		t.Errorf("nobody: %v", err)
	}
	if voters(a) != 3 {
		t.Fatal("somebody was removed")
	}
	_, err := a.Leave(ctx) // which founded, and leads
	must(t, err)
	until(t, "it to know", func() bool { s, _ := a.Log().Standing(); return s.Removed && !s.Serving })
	if st := a.Status(); st.Serving || st.State != cluster.Removed {
		t.Errorf("status: %+v", st)
	}
	if _, err := a.Leave(ctx); err == nil || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("again: %v", err)
	}
}

// In JSON the members were null where a node knew none yet.
func TestMembersAreAList(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	if text, err := json.Marshal(a.Status()); err != nil || bytes.Contains(text, []byte(`"members":null`)) {
		t.Errorf("%s, %v", text, err)
	}
	if text, err := json.Marshal(new(cluster.Node).Status()); err != nil || bytes.Contains(text, []byte(`"members":null`)) {
		t.Errorf("%s, %v", text, err)
	}
}

// With one replica what a node holds is nowhere else: it may not leave before that is changed.
func TestTheOnlyHolderMayNotLeave(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b := p.open(p.options("b", p.at["a"]))
	ctx := context.Background()
	until(t, "both in touch", func() bool { return a.Status().State == cluster.Joined && b.Status().State == cluster.Joined })
	set := func(replicas string) {
		t.Helper()
		if err := a.Set(ctx, "replicas", replicas); err != nil {
			t.Fatal(err)
		}
	}
	set("1")
	if _, err := b.Leave(ctx); err == nil || !strings.Contains(err.Error(), "replicas 2") {
		t.Errorf("with one replica: %v", err)
	}
	set("2")
	if _, err := b.Leave(ctx); err != nil {
		t.Error(err)
	}
}
