package sim

import "time"

// nemesis lets something go wrong every now and then, until the faults are over.
func (w *world) nemesis() {
	var next func()
	next = func() {
		if w.calm {
			return
		}
		w.fault()
		w.after(w.between(50*time.Millisecond, 1500*time.Millisecond), next)
	}
	w.after(w.between(0, time.Second), next)
}

func (w *world) fault() {
	n := w.nodes[w.ids[w.r.IntN(len(w.ids))]]
	switch w.r.IntN(16) {
	case 0, 1:
		w.partition()
	case 2:
		w.weather()
	case 3, 4:
		w.heal()
	case 5, 6:
		w.stop(n, true)
	case 7:
		w.stop(n, false)
	case 8:
		w.freeze(n)
	case 9:
		if n = w.leader(); n != nil {
			w.report.Leaders++
			w.stop(n, w.chance(2))
		}
	case 10:
		if n = w.leader(); n != nil {
			w.say("node %d hands over", n.id)
			if err := n.core.HandOver(); err != nil {
				n.fatal(err)
			}
			n.pump()
		}
	case 12:
		w.grow()
	case 13:
		w.shrink()
	case 14:
		w.lose()
	case 15:
		w.set()
	case 11:
		if w.chance(3) { // all at once
			for _, id := range w.ids {
				w.stop(w.nodes[id], true)
			}
		} else {
			n.skew = w.between(-time.Hour, time.Hour)
		}
	}
}

// stop ends a node's process, by a power cut or a kill, and starts it again later.
func (w *world) stop(n *node, power bool) {
	if !n.up || n.gone {
		return
	}
	n.up = false
	w.crash(&n.disk, power)
	if power {
		w.report.Crashes++
	} else {
		w.report.Kills++
	}
	w.say("node %d ends, power cut %v", n.id, power)
	w.after(w.between(10*time.Millisecond, 3*time.Second), func() {
		if !n.up && !n.gone && !n.dead {
			n.begin()
		}
	})
}

// freeze stops a node for a while, and lets it go on as if nothing had been.
func (w *world) freeze(n *node) {
	if !n.up || n.frozen {
		return
	}
	n.frozen = true
	w.report.Freezes++
	w.say("node %d stalls", n.id)
	w.after(w.between(100*time.Millisecond, 5*time.Second), n.alive(func() {
		if n.frozen {
			w.say("node %d goes on", n.id)
			n.thaw()
		}
	}))
}
