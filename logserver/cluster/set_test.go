package cluster_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver/cluster"
	"github.com/ringlog/ringlog/logserver/order"
)

// Settings are changed by asking any node, hold for all, and decide who owns a value.
func TestSettingsAreForAll(t *testing.T) {
	p := newPlant(t)
	o := p.options("a")
	o.Log.Settings = map[string]string{order.SettingReplicas: "2", order.SettingCommit: "all"}
	a := p.open(o)
	b, c := p.open(p.options("b", p.at["a"])), p.open(p.options("c", p.at["a"]))
	all := []*cluster.Node{a, b, c}
	have := func(want order.Placement) {
		t.Helper()
		for _, n := range all {
			until(t, "the settings to be there", func() bool { s := n.Status().Settings; return s != nil && *s == want })
			owners, err := n.Owners("a value")
			if err != nil || len(owners) != min(want.Replicas, 3) {
				t.Errorf("of %+v: %d owners, %v", want, len(owners), err)
			}
		}
	}
	for _, n := range all {
		until(t, "three voters in touch", func() bool { return voters(n) == 3 && n.Status().State == cluster.Joined })
	}
	have(order.Placement{Replicas: 2, Commit: order.CommitAll})
	ctx := context.Background()
	must(t, b.Set(ctx, order.SettingReplicas, "5"))
	must(t, c.Set(ctx, order.SettingCommit, "quorum"))
	must(t, a.Set(ctx, order.SettingOtherZones, "1"))
	must(t, c.Set(ctx, order.SettingOtherZones, "1")) // as it is
	want := order.Placement{Replicas: 5, OtherZones: 1}
	have(want)
	for _, n := range all {
		if err := n.Set(ctx, order.SettingReplicas, "1"); peer.Code(err) != peer.CodeRefused || !strings.Contains(err.Error(), "together they must be fewer") {
			t.Errorf("one replica, and one elsewhere: %v", err)
		}
	}
	have(want)
}

// Who sets at the same time sets one after the other.
func TestSettingsAreSetOneAfterTheOther(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	var all sync.WaitGroup
	for name, value := range map[string]string{order.SettingReplicas: "7", order.SettingOtherZones: "1", order.SettingOtherRegions: "1", order.SettingCommit: "one"} {
		all.Go(func() {
			if err := a.Set(context.Background(), name, value); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if s := a.Status().Settings; s == nil || *s != (order.Placement{Replicas: 7, OtherZones: 1, OtherRegions: 1, Commit: order.CommitOne}) {
		t.Errorf("%+v", s)
	}
}

// lines collects what is logged.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.all.String(), text)
}

// A node that is started with other settings says so, and they have no effect.
func TestOtherSettingsAreWarnedOf(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	must(t, a.Set(context.Background(), order.SettingReplicas, "5"))
	logged := &lines{}
	o := p.options("b", p.at["a"])
	o.Log.Logger = zerolog.New(logged)
	o.Log.Keys = 1 << 20 // as founded
	o.Log.Settings = map[string]string{order.SettingReplicas: "3", order.SettingOtherZones: "0"}
	b := p.open(o)
	until(t, "a warning", func() bool { return logged.has(`"asked":"3","in_force":"5"`) })
	if s := b.Status().Settings; s == nil || s.Replicas != 5 {
		t.Errorf("%+v", s)
	}
	if logged.has("KEYS") || logged.has("zones") {
		t.Errorf("warned of what is as it is: %s", &logged.all)
	}
}

func TestStrength(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b, c := p.open(p.options("b", p.at["a"])), p.open(p.options("c", p.at["a"]))
	until(t, "three voters in touch", func() bool { return voters(a) == 3 && a.Status().State == cluster.Joined })
	if s := a.Status().Strength; s != (cluster.Strength{Voters: 3, Tolerates: 1}) {
		t.Errorf("three: %+v", s)
	}
	must(t, c.Close())
	delete(p.node, "c")
	until(t, "c to be missed", func() bool { return a.Status().Tolerates == 0 })
	rest, err := b.Remove(context.Background(), "c")
	if must(t, err); rest != (cluster.Strength{Voters: 1}) {
		t.Errorf("two that are left: %+v", rest)
	}
	must(t, b.Close())
	delete(p.node, "b")
	until(t, "b to be missed", func() bool { return a.Status().State == cluster.Lonely })
}
