package sim

import (
	"time"

	"github.com/ringlog/ringlog/logserver/order"
)

// network carries messages between nodes.
type network struct {
	cut      map[[2]uint64]bool // from, to
	loss     int                // one of so many messages is lost; 0: none
	repeat   int
	slow     int // one of so many is late
	lateness time.Duration
}

// send carries a message, or doesn't.
func (w *world) send(m order.Message) {
	n := &w.net
	w.report.Messages++
	if n.cut[[2]uint64{m.From, m.To}] || n.loss > 0 && w.chance(n.loss) {
		return
	}
	copies := 1
	if n.repeat > 0 && w.chance(n.repeat) {
		copies = 2
	}
	for range copies {
		delay := w.between(50*time.Microsecond, 800*time.Microsecond)
		if n.slow > 0 && w.chance(n.slow) {
			delay = w.between(0, n.lateness)
		}
		w.after(delay, func() {
			if to := w.nodes[m.To]; to != nil {
				to.receive(m)
			}
		})
	}
}

// partition cuts lines between nodes, in one of several ways.
func (w *world) partition() {
	ids := append([]uint64(nil), w.ids...)
	w.r.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	cut := make(map[[2]uint64]bool)
	apart := func(a, b uint64) { cut[[2]uint64{a, b}] = true }
	half := 1 + w.r.IntN(max(1, len(ids)-1))
	how := w.r.IntN(4)
	switch how {
	case 0, 1: // halves, or one-way: one half doesn't reach the other
		for _, a := range ids[:half] {
			for _, b := range ids[half:] {
				apart(a, b)
				if how == 0 {
					apart(b, a)
				}
			}
		}
	case 2: // a bridge: two halves, and one node that both reach
		for i, a := range ids[1:] {
			for k, b := range ids[1:] {
				if (i%2 == 0) != (k%2 == 0) {
					apart(a, b)
				}
			}
		}
	case 3: // whoever leads is alone
		for _, a := range ids {
			if n := w.nodes[a]; n.up && n.core.Leader() == a {
				for _, b := range ids {
					apart(a, b)
					apart(b, a)
				}
			}
		}
	}
	w.net.cut = cut
	w.report.Partitions++
	w.say("partition %s %v", [...]string{"halves", "one-way", "bridge", "leader"}[how], ids)
}

// heal makes the network whole.
func (w *world) heal() {
	w.net = network{}
	w.say("network heals")
}

// weather makes the network bad, or better.
func (w *world) weather() {
	pick := func(list ...int) int { return list[w.r.IntN(len(list))] }
	w.net.loss, w.net.repeat, w.net.slow = pick(0, 0, 100, 20, 5), pick(0, 50, 10), pick(0, 30, 5)
	w.net.lateness = w.between(time.Millisecond, 2*time.Second)
	w.say("weather: loss 1/%d, repeat 1/%d, late 1/%d up to %v", w.net.loss, w.net.repeat, w.net.slow, w.net.lateness)
}
