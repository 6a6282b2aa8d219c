package logserver_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// said is a line that a client of the workload sent.
type said struct {
	id      string // "" for a read
	log     string
	entries []string // an append's
	multi   bool
	key     string
	after   int64 // -1: not asked for
	seq     uint64
	gap     bool // seq is one that must be refused
	read    *readSaid
	head    bool
	bad     bool
	at      int64 // when, on the workload's clock
}

type readSaid struct {
	log     string
	from    int64
	limit   uint64 // 0: none
	follow  bool
	echo    bool
	meta    bool
	refused bool // another read is under way
}

// heard is a line that it received.
type heard struct {
	received
	text string
	at   int64
}

// client speaks at random, by the rules, and notes everything.
type client struct {
	t      *testing.T
	number int
	clock  *atomic.Int64
	talk   *talk
	random *rand.Rand
	echo   bool // the server's
	said   []said
	heads  map[string]uint64 // last known
	seq    uint64
	old    []said // numbered ones, to be sent again

	mu       sync.Mutex // guards the following
	changed  *sync.Cond
	heard    []heard
	answered int // lines with an id
	ended    int // reads
	reading  *readSaid
	over     bool
}

var workloadLogs = []string{"main", "b", "c.d-e_f"}

func newClient(t *testing.T, addr string, number int, clock *atomic.Int64, seed uint64, echo bool) *client {
	c := &client{
		t: t, number: number, clock: clock, talk: dial(t, addr), echo: echo,
		random: rand.New(rand.NewPCG(seed, uint64(number))), heads: map[string]uint64{},
	}
	c.talk.conn.SetDeadline(time.Now().Add(3 * guard))
	c.changed = sync.NewCond(&c.mu)
	return c
}

// listen notes what comes until the server closes.
func (c *client) listen() {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
		c.changed.Broadcast()
	}()
	for {
		line, err := c.talk.lines.ReadString('\n')
		if err != nil {
			if line != "" || err.Error() != "EOF" {
				c.t.Errorf("client %d: the end is %q, %v", c.number, line, err)
			}
			return
		}
		h := heard{text: strings.TrimSuffix(line, "\n")}
		if err := json.Unmarshal([]byte(line), &h.received); err != nil {
			c.t.Errorf("client %d: %s: %v", c.number, line, err)
			return
		}
		c.note(h)
	}
}

func (c *client) note(h heard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.at = c.clock.Add(1)
	c.heard = append(c.heard, h)
	switch {
	case h.ID != "":
		c.answered++
	case c.reading != nil && (h.Head != nil || h.Current && !c.reading.follow):
		c.reading = nil
		c.ended++
	}
	c.changed.Broadcast()
}

// wait waits until done, or the end.
func (c *client) wait(done func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !done() && !c.over {
		c.changed.Wait()
	}
}

// run says so many bursts and then ends in order.
func (c *client) run(bursts int) {
	var listening sync.WaitGroup
	listening.Go(c.listen)
	defer listening.Wait()
	defer c.talk.conn.(*net.TCPConn).CloseWrite()
	ids := 0
	for range bursts {
		var text strings.Builder
		for range 1 + c.random.IntN(8) {
			s := c.next(ids)
			if s.id != "" {
				ids++
			}
			text.WriteString(c.line(&s))
			c.said = append(c.said, s)
		}
		c.speak(text.String())
		if c.random.IntN(3) == 0 {
			c.wait(func() bool { return c.answered == ids })
		}
		c.endRead(&ids)
	}
	c.wait(func() bool { return c.answered == ids })
}

// speak sends text in a few pieces. The lines not yet stamped are now.
func (c *client) speak(text string) {
	now := c.clock.Add(1)
	for i := len(c.said) - 1; i >= 0 && c.said[i].at == 0; i-- {
		c.said[i].at = now
	}
	for len(text) > 0 {
		n := len(text)
		if c.random.IntN(3) == 0 {
			n = 1 + c.random.IntN(n)
		}
		if _, err := c.talk.conn.Write([]byte(text[:n])); err != nil {
			c.t.Errorf("client %d: %v", c.number, err)
			return
		}
		text = text[n:]
	}
}

// endRead sees a read that ends by itself to its end now and then: what it
// still waits for is appended.
func (c *client) endRead(ids *int) {
	c.mu.Lock()
	r := c.reading
	c.mu.Unlock()
	if r == nil || r.limit == 0 && r.follow || c.random.IntN(2) == 0 {
		return
	}
	for ended := false; !ended; {
		if r.follow {
			s := c.append(fmt.Sprint(*ids), r.log)
			*ids++
			text := c.line(&s)
			c.said = append(c.said, s)
			c.speak(text)
		}
		c.wait(func() bool { return c.reading != r || r.follow && c.answered == *ids })
		c.mu.Lock()
		ended = c.reading != r || c.over
		c.mu.Unlock()
	}
}

// next makes up the next thing to say.
func (c *client) next(id int) said {
	log := workloadLogs[c.random.IntN(len(workloadLogs))]
	switch n := c.random.IntN(20); {
	case n == 0:
		return said{id: fmt.Sprint(id), bad: true}
	case n <= 2:
		return said{id: fmt.Sprint(id), head: true, log: log}
	case n <= 5:
		return c.read(log)
	default:
		return c.append(fmt.Sprint(id), log)
	}
}

func (c *client) append(id, log string) said {
	r := c.random
	s := said{id: id, log: log, after: -1, multi: r.IntN(5) == 0}
	n := 1
	if s.multi {
		n += r.IntN(4)
	}
	for i := range n {
		pad := strings.Repeat("x", r.IntN(20)*r.IntN(20))
		s.entries = append(s.entries, fmt.Sprintf(`{"by":%d,"id":%s,"i":%d,"pad":"%s"}`, c.number, id, i, pad))
	}
	switch r.IntN(8) {
	case 0:
		s.after = int64(c.known(log)) + int64(r.IntN(2))
	case 1: // of all clients, with a few contents
		s.key, s.multi = fmt.Sprintf("key %d", r.IntN(10)), false
		s.entries = []string{fmt.Sprintf(`{"content":%d,"of":"%s"}`, r.IntN(2), s.key)}
	case 2:
		c.seq++
		s.seq = c.seq
		c.old = append(c.old, s)
	case 3:
		if len(c.old) > 0 {
			again := c.old[r.IntN(len(c.old))]
			again.id, again.at = id, 0
			return again
		}
	case 4:
		s.seq, s.gap = c.seq+2+uint64(r.IntN(3)), true
	}
	return s
}

// known returns what this client last heard of a log's head.
func (c *client) known(log string) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headsHeard()[log]
}

// headsHeard looks only at the last lines. The caller holds c.mu.
func (c *client) headsHeard() map[string]uint64 {
	for _, h := range c.heard[max(0, len(c.heard)-50):] {
		var id int
		if _, err := fmt.Sscan(h.ID, &id); err != nil || h.Error != "" {
			continue
		}
		for i := range c.said {
			if s := &c.said[i]; s.id == h.ID && s.log != "" {
				c.heads[s.log] = max(c.heads[s.log], h.Index+max(h.Count, 1)-1)
			}
		}
	}
	return c.heads
}

func (c *client) read(log string) said {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &readSaid{log: log, follow: true, meta: c.random.IntN(3) == 0, echo: c.echo}
	r.from = int64(c.random.IntN(int(c.heads[log]) + 6))
	switch c.random.IntN(10) {
	case 0, 1, 2, 3:
		r.limit = 1 + uint64(c.random.IntN(10))
		r.echo = true
	case 4, 5, 6:
		r.follow = false
		if c.random.IntN(2) == 0 {
			r.limit = 1 + uint64(c.random.IntN(10))
		}
	default:
		if c.random.IntN(8) > 0 { // once it lives it does so to the end
			r.follow = false
		} else if c.random.IntN(2) == 0 {
			r.echo = true
		}
	}
	if c.random.IntN(3) == 0 {
		r.from = -1 - int64(c.random.IntN(10))
	}
	if c.reading != nil {
		if c.reading.limit > 0 || !c.reading.follow { // it may end before the line is read
			return said{id: "", bad: true}
		}
		r.refused = true
	} else {
		c.reading = r
	}
	return said{read: r, log: log}
}

// line writes it down, with white space and in an order of its own.
func (c *client) line(s *said) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.id != "" {
		add(`"id":"%s"`, s.id)
	}
	if s.log != "" && (s.log != "main" || c.random.IntN(2) == 0) {
		add(`"log":"%s"`, s.log)
	}
	switch {
	case s.bad:
		add(`"entry":17`)
	case s.head:
		add(`"head":true`)
	case s.read != nil:
		add(`"from":%d`, s.read.from)
		add(`"follow":%v`, s.read.follow)
		add(`"meta":%v`, s.read.meta)
		if s.read.limit > 0 {
			add(`"read":%d`, s.read.limit)
		} else {
			add(`"echo":%v`, s.read.echo)
		}
	case s.multi:
		add(`"entries":[%s]`, strings.Join(s.entries, " , "))
	default:
		add(`"entry":%s`, strings.Replace(s.entries[0], ":", " : ", 1))
	}
	if s.key != "" {
		add(`"key":"%s"`, s.key)
	}
	if s.after >= 0 && s.entries != nil {
		add(`"after":%d`, s.after)
	}
	if s.seq > 0 {
		add(`"producer":"p%d"`, c.number)
		add(`"seq":%d`, s.seq)
	}
	c.random.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return strings.Repeat(" ", c.random.IntN(2)) + "{" + strings.Join(parts, []string{",", " , "}[c.random.IntN(2)]) + "}\n"
}
