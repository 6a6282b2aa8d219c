package sim

import (
	"errors"

	"github.com/ringlog/ringlog/logserver/order"
)

// set has the leader propose another placement.
func (w *world) set() {
	l := w.leader()
	if l == nil {
		return
	}
	p := order.Placement{Replicas: order.MaxReplicas, Commit: order.Commit(w.r.IntN(2))}
	if w.options.Apart { // otherwise content and order stay together
		p = order.Placement{Replicas: 1 + w.r.IntN(order.MaxReplicas), Commit: order.Commit(w.r.IntN(3))}
	}
	p.OtherZones = w.r.IntN(p.Replicas)
	p.OtherRegions = w.r.IntN(p.Replicas - p.OtherZones)
	w.report.Set++
	w.say("node %d proposes %+v", l.id, p)
	if err := l.core.Set(p); err != nil && !errors.Is(err, order.ErrNotServing) {
		l.fatal(err)
	}
	l.pump()
}
