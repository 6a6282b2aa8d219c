package logserver

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/logserver/index"
	"github.com/ringlog/ringlog/logserver/order"
)

// errElsewhere says that content is not here, and that nobody who can be reached gives it.
var errElsewhere = errors.New("its content is not on this node, and no other that can be reached has it")

// A fetcher gets content from other nodes that is to be read and isn't here: what several
// want is asked for once, and what was fetched lately is kept.
type fetcher struct {
	member *member
	slots  chan struct{} // of flights under way

	mu      sync.Mutex // guards the following
	under   map[blobstore.Digest][]*fetch
	kept    recentContent
	failed  map[fetchKey]time.Time // until then it isn't asked for again
	mean    int                    // bytes of what was fetched lately
	closed  bool
	fetched uint64 // batches
}

// fetchKey names content. Of what may be a batch of one entry, whose digest doesn't say its
// key, it has the place in the log besides. What has several entries is kept without.
type fetchKey struct {
	digest blobstore.Digest
	log    uint32
	index  uint64
}

// fetch is content that is being asked for.
type fetch struct {
	key     fetchKey
	want    order.Want
	holders []uint64
	answers chan fetchedAnswer
	done    chan struct{} // closed when the following are set
	payload []byte
	err     error
}

const (
	maxFetches   = 64              // fetches under way
	fetchAhead   = 8 << 20         // bytes that a sequential read has fetched ahead, about
	maxAhead     = 64              // batches of them
	maxFailed    = 4096            // how much of that is remembered
	silentAfter  = 3 * time.Second // a node that has said nothing for so long isn't waited for
	silentWait   = 50 * time.Millisecond
	answerWait   = time.Second // how long one node is waited for before the next one is asked
	fetchRetry   = 20 * time.Millisecond
	maxFetchWait = 500 * time.Millisecond
)

func newFetcher(m *member) *fetcher {
	return &fetcher{
		member: m, slots: make(chan struct{}, maxFetches), under: make(map[blobstore.Digest][]*fetch),
		kept: recentContent{limit: m.options.Fetched}, failed: make(map[fetchKey]time.Time),
	}
}

// whole is the key of a batch of several entries.
func (k fetchKey) whole() fetchKey { return fetchKey{digest: k.digest} }

// keyOf returns what content of a row is named by.
func keyOf(row *index.Row, d blobstore.Digest) fetchKey {
	k := fetchKey{digest: d}
	if row.Count == 1 && row.Ordinal == 0 {
		k.log, k.index = row.Log, row.First
	}
	return k
}

// get returns the content of a row, a content frame's payload, which must not be changed.
// It waits for it as long as the member's options say. Errors wrap errElsewhere.
func (f *fetcher) get(row *index.Row, away *blobstore.Away) ([]byte, error) {
	g, payload := f.begin(row, away)
	if payload != nil {
		return payload, nil
	}
	if g == nil {
		return nil, errElsewhere
	}
	<-g.done
	return g.payload, g.err
}

// begin returns what is kept of a row's content, or has it fetched; neither: it could not be had a
// moment ago, or nothing is fetched any more.
func (f *fetcher) begin(row *index.Row, away *blobstore.Away) (*fetch, []byte) {
	key := keyOf(row, away.Digest)
	f.mu.Lock()
	defer f.mu.Unlock()
	if payload := f.kept.find(key); payload != nil {
		return nil, payload
	}
	if payload := f.kept.find(key.whole()); payload != nil {
		return nil, payload
	}
	for _, g := range f.under[away.Digest] {
		if g.key == key || g.key == key.whole() || key == key.whole() {
			return g, nil
		}
	}
	if until, ok := f.failed[key]; f.closed || ok && time.Now().Before(until) {
		return nil, nil
	}
	g := &fetch{
		key: key, want: order.Want{Digest: away.Digest, Log: row.Log, Index: row.First}, holders: away.Holders,
		answers: make(chan fetchedAnswer, 16), done: make(chan struct{}),
	}
	f.under[away.Digest] = append(f.under[away.Digest], g)
	f.member.log.workers.Go(func() { f.run(g) })
	return g, nil
}

// ahead returns how many batches it is worth while to fetch ahead.
func (f *fetcher) ahead() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(2, min(maxAhead, fetchAhead/max(1, f.mean)))
}

// run fetches, and tells all who wait.
func (f *fetcher) run(g *fetch) {
	l := f.member.log
	select {
	case f.slots <- struct{}{}:
		g.payload, g.err = f.ask(g)
		<-f.slots
	case <-l.closing:
		g.err = ErrClosed
	}
	f.mu.Lock()
	f.land(g)
	if g.err == nil {
		key := g.key
		if blobstore.Count(g.payload) > 1 {
			key = key.whole()
		}
		f.kept.add(key, g.payload)
		f.mean += (len(g.payload) - f.mean) / 4
		f.fetched++
	} else {
		f.remember(g.key)
	}
	f.mu.Unlock()
	close(g.done)
}

// land ends a flight. The caller holds mu.
func (f *fetcher) land(g *fetch) {
	d := g.want.Digest
	f.under[d] = slices.DeleteFunc(f.under[d], func(u *fetch) bool { return u == g })
	if len(f.under[d]) == 0 {
		delete(f.under, d)
	}
}

// remember notes that content could not be had. The caller holds mu.
func (f *fetcher) remember(key fetchKey) {
	if len(f.failed) >= maxFailed {
		clear(f.failed)
	}
	f.failed[key] = time.Now().Add(f.member.options.FetchAgain)
}

// ask asks one node after the other, again and again, until one gives the content, or all
// that are there have said that they can't. Who has been silent for long gets a second to answer, too.
func (f *fetcher) ask(g *fetch) ([]byte, error) {
	m := f.member
	request, began := order.AppendFetch(nil, &g.want), time.Now()
	deadline := time.NewTimer(m.options.Fetch)
	defer deadline.Stop()
	for retry := fetchRetry; ; retry = min(2*retry, maxFetchWait) {
		hopeless := retry > fetchRetry
		for _, node := range m.sources(g) {
			m.options.Network.Send(node, byte(order.MessageFetch), request)
			patience := answerWait
			if silent := m.silent(node); silent {
				patience = silentWait
			}
			payload, answered, err := g.await(m.log, node, patience, deadline)
			if payload != nil || err != nil {
				return payload, err
			}
			hopeless = hopeless && (answered || m.silent(node) && time.Since(began) > answerWait)
		}
		if hopeless {
			return nil, fmt.Errorf("entry %d of log %d: %w", g.want.Index, g.want.Log, errElsewhere)
		}
		if payload, _, err := g.await(m.log, 0, retry, deadline); payload != nil || err != nil {
			return payload, err
		}
	}
}

// await waits for content from anybody, or until node has said that it has none.
func (g *fetch) await(l *Log, node uint64, patience time.Duration, deadline *time.Timer) (payload []byte, answered bool, err error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case a := <-g.answers:
			if a.payload != nil || a.from == node {
				return a.payload, true, nil
			}
		case <-timer.C:
			return nil, false, nil
		case <-deadline.C:
			return nil, false, fmt.Errorf("entry %d of log %d: %w", g.want.Index, g.want.Log, errElsewhere)
		case <-l.closing:
			return nil, false, ErrClosed
		}
	}
}

// count returns how many batches were fetched.
func (f *fetcher) count() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetched
}

// close has nothing fetched any more.
func (f *fetcher) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}
