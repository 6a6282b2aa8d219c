package chaos

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"iter"
	"strconv"
	"strings"

	"github.com/ringlog/ringlog/integration/load"
)

// healed waits until every node that is up has what was acknowledged, and checks what lies around.
func (c *trial) healed() error {
	acknowledged := c.ledger.Head()
	for _, n := range c.nodes {
		if !n.up.Load() {
			continue
		}
		err := c.until("node "+n.name+" has what was acknowledged", func(ctx context.Context) error {
			head, err := load.Head(ctx, n.dial)
			if err == nil && head < acknowledged {
				return c.fatal(fmt.Errorf("node %s says that the head is %d; %d was acknowledged before", n.name, head, acknowledged))
			}
			return err
		})
		if err != nil {
			return err
		}
		from := max(acknowledged, around) - around + 1
		err = c.until("the log can be read at "+n.name, func(ctx context.Context) error {
			entries, failure := load.History(ctx, n.dial, from, around)
			c.ledger.Read(from, entries)
			return failure()
		})
		if err != nil {
			return err
		}
	}
	return c.verdict()
}

// fatal notes what no waiting mends.
func (c *trial) fatal(err error) error {
	c.ledger.Violate("stale", "%v", err)
	return nil
}

// finish ends the load, compares all nodes, stops them in order, and has what they leave verified.
func (c *trial) finish() error {
	c.silence()
	c.probing.Wait()
	c.load.Finish()
	if err := c.compare(); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.stop(); err != nil {
			return err
		}
	}
	for _, n := range c.nodes {
		n.Run("verify")
	}
	return c.verdict()
}

// compare reads each node's whole log, and holds it against the ledger and against the others'.
func (c *trial) compare() error {
	var first *reading
	for _, n := range c.nodes {
		var r *reading
		err := c.until("the whole log can be read at "+n.name, func(ctx context.Context) error {
			head, err := load.Head(ctx, n.dial)
			if err != nil {
				return err
			}
			r = &reading{at: n.name, sum: sha256.New()}
			c.ledger.Check(r.entries(ctx, n.dial, head))
			return r.err
		})
		if err != nil {
			return err
		}
		if first == nil {
			first = r
		}
		if err := first.like(r); err != nil {
			return errors.Join(err, c.verdict())
		}
	}
	return c.verdict()
}

// A reading is one node's whole log: entries, and with them times and digests.
type reading struct {
	at   string
	head uint64
	sum  hash.Hash // of all lines
	sums [][sha256.Size]byte
	err  error
}

const sumEvery = 1000 // entries

// entries reads from the first entry to the head.
func (r *reading) entries(ctx context.Context, dial load.Dialer, head uint64) iter.Seq2[uint64, []byte] {
	r.err = errors.New("the read broke off")
	return func(yield func(uint64, []byte) bool) {
		if head == 0 {
			r.err = nil
			return
		}
		conn, err := dial.Connect(ctx)
		if err != nil {
			r.err = err
			return
		}
		defer conn.Close()
		if _, err := fmt.Fprintf(conn, `{"from":1,"read":%d,"follow":false,"meta":true}`+"\n", head); err != nil {
			r.err = err
			return
		}
		for line, err := range load.Lines(conn) {
			if err != nil {
				r.err = err
				return
			}
			index, entry, ok := split(line)
			if !ok {
				if a, err := load.Parse(line); err != nil || a.Head == nil {
					r.err = fmt.Errorf("node %s: unexpected line %.200q", r.at, line)
					return
				}
				r.add(nil, 0)
				r.err = nil
				return
			}
			r.add(line, index)
			if !yield(index, entry) {
				return
			}
		}
	}
}

// add takes a line; nil: there are no more.
func (r *reading) add(line []byte, index uint64) {
	r.sum.Write(line)
	if line == nil || index%sumEvery == 0 {
		r.sums = append(r.sums, [sha256.Size]byte(r.sum.Sum(nil)))
	}
	r.head = max(r.head, index)
}

// split takes a line of an entry with its time and digest apart.
func split(line []byte) (index uint64, entry []byte, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte(`{"index":`))
	digits, rest, found := bytes.Cut(rest, []byte(`,"time":`))
	_, entry, has := bytes.Cut(rest, []byte(`,"entry":`))
	index, err := strconv.ParseUint(string(digits), 10, 64)
	entry, whole := bytes.CutSuffix(entry, []byte("}\n"))
	return index, entry, ok && found && has && whole && err == nil
}

// like holds that another node's log is the same.
func (r *reading) like(o *reading) error {
	for i := range min(len(r.sums), len(o.sums)) {
		if r.sums[i] != o.sums[i] {
			return fmt.Errorf("nodes %s and %s differ among the %d entries from %d on (heads %d and %d)", r.at, o.at, sumEvery, i*sumEvery+1, r.head, o.head)
		}
	}
	if r.head != o.head {
		return fmt.Errorf("node %s ends at %d, node %s at %d", r.at, r.head, o.at, o.head)
	}
	return nil
}

// verdict is nil, or all violations so far.
func (c *trial) verdict() error {
	found, total := c.ledger.Violations()
	if len(found) == 0 {
		return nil
	}
	var text strings.Builder
	for _, v := range found {
		fmt.Fprintf(&text, "\n\t%v", v)
	}
	return fmt.Errorf("violations: %v%s", total, text.String())
}
