package logserver

import (
	"time"

	"github.com/ringlog/ringlog/blobstore"
)

// Content returns the bytes of an entry with a digest, found false if there is none in
// what is durable. It may be one whose append was refused. An error wraps
// segment.ErrUnavailable where damage hides whether there is such an entry.
func (l *Log) Content(d blobstore.Digest) (entry []byte, found bool, err error) {
	place, found, err := l.store.Find(d)
	if err != nil || !found {
		return nil, false, err
	}
	payload, err := l.store.Read(place, nil)
	if err != nil {
		return nil, false, err
	}
	var m blobstore.Manifest
	if err := m.Parse(payload); err != nil {
		return nil, false, err
	}
	for i := range m.Len() {
		if m.Digest(i) == d {
			return m.Entry(i), true, nil
		}
	}
	return nil, false, nil
}

// tabulate is the goroutine of the Log that makes the tables of digests of segments that
// have ended. Nothing depends on them but how long Content takes.
func (l *Log) tabulate() {
	for {
		l.awaitQuiet()
		w := working{log: l}
		made, err := l.store.Tabulate(w.pause)
		if err != nil {
			l.metrics.trouble(troubleTable)
			l.refusals.Error(l.options.Logger, err, "a table of digests could not be made: finding content by digest takes longer")
		}
		if made {
			continue
		}
		select {
		case <-l.ended:
		case <-l.closing:
			return
		}
	}
}

const (
	quiet    = time.Second
	maxNoise = 60 // times quiet that are waited for it
)

// awaitQuiet waits until nobody has appended for a moment, but not for ever: what can be
// done at any time is better done then.
func (l *Log) awaitQuiet() {
	for range maxNoise {
		before := l.commits.Load()
		select {
		case <-time.After(quiet):
		case <-l.closing:
			return
		}
		if l.commits.Load() == before {
			return
		}
	}
}

// working is work in the background that rests while appends are made, as reads of
// history do.
type working struct {
	log     *Log
	began   time.Time // when it went on; zero: it begins
	commits uint64
}

// pause rests, and tells whether to go on.
func (w *working) pause() bool {
	if !w.began.IsZero() && w.log.commits.Load() != w.commits {
		select {
		case <-time.After(restFactor * time.Since(w.began)):
		case <-w.log.closing:
		}
	}
	w.began, w.commits = time.Now(), w.log.commits.Load()
	select {
	case <-w.log.closing:
		return false
	default:
		return true
	}
}
