package logserver_test

import "fmt"

// reading is a read under way, as its client sees it.
type reading struct {
	*readSaid
	said    *said
	next    uint64 // what must come next
	first   uint64 // what came first, 0: nothing
	sent    uint64
	current bool
	head    uint64 // H, or the most that it can be; known with current
}

// reads holds the lines of a client's reads, and the confirmations between
// them, against the rules of reads and of the order on a connection.
func (r *rules) reads(c *client) {
	var todo []*said
	refused := 0
	answers := map[string]*said{}
	for i := range c.said {
		s := &c.said[i]
		switch {
		case s.id != "":
			answers[s.id] = s
		case s.read != nil && s.read.refused:
			refused++
		case s.read != nil:
			todo = append(todo, s)
		}
	}
	var now *reading
	confirmed := map[string]uint64{} // last own index of each log
	for i := range c.heard {
		h := &c.heard[i]
		if h.ID != "" {
			s := answers[h.ID]
			if s.entries == nil || h.Error != "" {
				continue
			}
			if !h.Duplicate {
				confirmed[s.log] = max(confirmed[s.log], h.Index+uint64(len(s.entries))-1)
			}
			if now != nil && now.log == s.log {
				now.confirmation(r, c, h, uint64(len(s.entries)))
			}
			continue
		}
		if h.Error == "already reading" {
			refused--
		}
		if h.Error != "" {
			continue
		}
		if now == nil {
			if len(todo) == 0 {
				r.t.Fatalf("client %d: nobody asked for %s", c.number, h.text)
			}
			now, todo = &reading{readSaid: todo[0].read, said: todo[0]}, todo[1:]
		}
		if now.line(r, c, h, confirmed[now.log]) {
			now = nil
		}
	}
	if len(todo) > 0 || refused != 0 || now != nil && !now.current {
		r.t.Errorf("client %d: %d reads without an answer, %d too many refused, %+v under way", c.number, len(todo), -refused, now)
	}
}

// confirmation: it precedes its echo; without an echo it takes the entry's place.
func (n *reading) confirmation(r *rules, c *client, h *heard, count uint64) {
	fail := func(why string) { r.t.Errorf("client %d: %s: %s in %+v %+v", c.number, why, h.text, *n, *n.readSaid) }
	last := h.Index + count - 1
	switch {
	case h.Duplicate:
		if !n.echo && n.next > 0 && h.Index > n.next {
			fail("a duplicate tells of an index too early")
		}
	case n.first > 0 && h.Index >= n.first && h.Index < n.next && (n.echo || h.Index <= n.head || !n.current):
		fail("the confirmation comes behind the entry")
	case n.echo || !n.current || last < n.next:
		// before current, it is of what lies up to H: seen to there
		if !n.echo && n.current && n.first > 0 && h.Index > n.head && h.Index >= n.first {
			fail("seen twice")
		}
	case h.Index > n.next:
		fail("a gap")
	default:
		n.next = last + 1
		if n.first == 0 {
			n.first = h.Index
		}
	}
}

// line takes the next line of the read, and tells whether it was the last.
func (n *reading) line(r *rules, c *client, h *heard, confirmed uint64) (ended bool) {
	fail := func(why string) { r.t.Errorf("client %d: %s: %s in %+v %+v", c.number, why, h.text, *n, *n.readSaid) }
	switch {
	case h.Current:
		if n.current || n.limit > 0 && n.sent == n.limit {
			fail("a current too many")
		}
		n.reached(r)
		if confirmed > n.head {
			fail(fmt.Sprintf("%d beyond H was confirmed before", confirmed))
		}
		if known := r.confirmedBefore(n.log, n.said.at); n.head < known {
			fail(fmt.Sprintf("%d had been confirmed", known))
		}
		return !n.follow
	case h.Head != nil:
		if n.limit == 0 || n.sent != n.limit || *h.Head < n.next-1 || *h.Head > uint64(len(r.lines[n.log])) {
			fail("head")
		}
		return true
	}
	n.entry(r, c, h, fail)
	return false
}

// reached: {"current":true} has come.
func (n *reading) reached(r *rules) {
	n.current = true
	switch {
	case n.first > 0:
		n.head = n.next - 1
		if n.from < 0 && n.first != uint64(max(1, int64(n.head)+n.from+1)) {
			r.t.Errorf("%+v began at %d, head %d", *n.readSaid, n.first, n.head)
		}
	case n.from < 0:
		n.head, n.next = 0, 1
	default:
		n.next = max(1, uint64(n.from))
		n.head = n.next - 1
	}
}

func (n *reading) entry(r *rules, c *client, h *heard, fail func(string)) {
	if n.first == 0 && !n.current {
		n.first, n.next = h.Index, h.Index
		if n.from >= 0 && h.Index != max(1, uint64(n.from)) {
			fail("it begins elsewhere")
		}
	}
	if n.first == 0 {
		n.first = h.Index
	}
	if h.Index != n.next {
		fail(fmt.Sprintf("want %d", n.next))
	}
	n.next++
	n.sent++
	switch lines := r.lines[n.log]; {
	case h.Index > uint64(len(lines)):
		fail("there is no such entry")
	case n.meta && h.text != r.metas[n.log][h.Index-1], !n.meta && h.text != lines[h.Index-1]:
		fail("other content")
	}
	if n.limit > 0 && n.sent > n.limit {
		fail("more than asked for")
	}
	var by int
	if _, err := fmt.Sscanf(string(h.Entry), `{"by":%d,`, &by); err == nil && by == c.number && n.current && !n.echo {
		fail("its own entry")
	}
}
