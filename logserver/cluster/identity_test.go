package cluster_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
)

// Data of a node is refused under another name, before anybody is told of it; under its own it is
// opened again.
func TestACopyUnderAnotherNameIsRefused(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	b := p.open(p.options("b", p.at["a"]))
	until(t, "both in touch", func() bool { return a.Status().State == cluster.Joined && b.Status().Serving })
	must(t, b.Close())
	delete(p.node, "b")
	o := p.options("c", p.at["a"])
	o.Log.Files = p.disk["b"]
	if n, err := cluster.Open(o); !errors.Is(err, cluster.ErrOtherNode) || !strings.Contains(err.Error(), "it is node b's (number 2") {
		t.Fatalf("%v, %v", n, err)
	}
	p.open(p.options("b", p.at["a"]))
	until(t, "b to be back", func() bool { return a.Status().State == cluster.Joined })
	for _, m := range a.Status().Members {
		if m.Name == "c" {
			t.Errorf("c is a member: %+v", m)
		}
	}
}

// A node that is the only one may have another name: what was restored from a backup is one.
func TestALoneNodeIsRenamed(t *testing.T) {
	p := newPlant(t)
	a := p.open(p.options("a"))
	until(t, "a to serve", func() bool { return a.Status().Serving })
	must(t, a.Close())
	delete(p.node, "a")
	o := p.options("b")
	o.Log.Files = p.disk["a"]
	b := p.open(o)
	until(t, "its new name to be known", func() bool {
		st := b.Status()
		return st.Serving && len(st.Members) == 1 && st.Members[0].Name == "b"
	})
}

// When the certificate between nodes ends is told.
func TestExpiryIsMeasured(t *testing.T) {
	p := newPlant(t)
	o := p.options("a")
	a := p.open(o)
	registry := prometheus.NewRegistry()
	registry.MustRegister(logserver.NewServer(a.Log(), logserver.ServerOptions{}))
	families, err := registry.Gather()
	must(t, err)
	found := false
	for _, f := range families {
		if f.GetName() == "ringlog_peer_certificate_expires_timestamp_seconds" {
			found = true
			if at := int64(f.GetMetric()[0].GetGauge().GetValue()); at != o.Certificates.Expires().Unix() {
				t.Errorf("it ends at %d", at)
			}
		}
	}
	if !found {
		t.Error("it isn't told")
	}
}
