package logserver

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/order"
	"github.com/ringlog/ringlog/protocol"
)

// told is the fates of one appender's appends, in order.
type told struct {
	mu sync.Mutex
	fates
}

func (d *told) resolve(o *order.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fates.resolve(o)
}

func (d *told) fail(n int, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fates.fail(n, reason)
}

func (d *told) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.fates)
}

// What is refused for want of a quorum is told after what was handed over before and is not
// decided: an appender knows its appends by their order alone, and would take the one's fate
// for the other's.
func TestRefusedBehindWhatIsNotDecided(t *testing.T) {
	n, logs := three(t)
	s, _ := logs[1].Standing()
	cut := logs[s.Leader%3+1]
	n.isolate(cut.member.options.Number, true)
	var d told
	add := func(text string) {
		cut.submit(&d, []submission{{
			Append: order.Append{Entries: 1}, size: len(text),
			entries: []entry{{[]byte(text), blobstore.Sum([]byte(text))}},
		}})
	}
	add(`"handed over, and not decided"`) // the node still believes in its leader
	until(t, "the node to notice", func() bool { s, _ := cut.Standing(); return !s.Serving })
	for i := 1; d.len() == 0; i++ {
		add(fmt.Sprint(i))
		until(t, "the fate of something", func() bool { return d.len() > 0 })
	}
	if d.fates[0] != protocol.ErrorUnknownOutcome {
		t.Fatalf("the first that was told is %q, of %q", d.fates[0], d.fates)
	}
	n.isolate(cut.member.options.Number, false)
	closeAll(t, logs)
}
