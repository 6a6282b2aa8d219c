package logserver

import (
	"fmt"

	"github.com/ringlog/ringlog/logserver/order"
)

// fetchedAnswer is what another node has answered.
type fetchedAnswer struct {
	from    uint64
	payload []byte // nil: it hasn't got it
}

// arrived takes an answer. Content that nobody asked for, or that is not what its digest
// says, is dropped.
func (f *fetcher) arrived(from uint64, payload []byte) {
	l := f.member.log
	want, content, err := order.ReadFetched(payload)
	if err != nil {
		return
	}
	g := f.flight(&want)
	if g == nil {
		return
	}
	answer := fetchedAnswer{from: from}
	if len(content) > 0 {
		d, err := checkContent(content)
		if err == nil && d != want.Digest {
			err = fmt.Errorf("it hashes to %s, not to %s", d, want.Digest)
		}
		if err != nil {
			l.metrics.refuse(reasonForeign, 1)
			l.refusals.Error(l.options.Logger, fmt.Errorf("from node %d: %w", from, err), "content of another node is not what its digests say; it was refused")
		} else {
			answer.payload = content
		}
	}
	select {
	case g.answers <- answer:
	default:
	}
}

// flight returns what is being asked for by a question.
func (f *fetcher) flight(w *order.Want) *fetch {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, g := range f.under[w.Digest] {
		if g.want == *w {
			return g
		}
	}
	return nil
}
