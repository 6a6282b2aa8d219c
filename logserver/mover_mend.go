package logserver

import (
	"errors"

	"github.com/ringlog/ringlog/blobstore"
	"github.com/ringlog/ringlog/blobstore/segment"
)

// fetchAhead has content fetched that will be put right next.
func (v *mover) fetchAhead(places []blobstore.Place) {
	for _, p := range places {
		if d, ok := v.member.log.damages.find(p); ok {
			v.member.fetcher.begin(&d.row, &d.away)
		}
	}
}

// mend puts damaged content right. It tells whether to go on.
func (v *mover) mend(p blobstore.Place, w *workload) bool {
	l := v.member.log
	d, ok := l.identify(p)
	if !ok { // perhaps it is of a row that doesn't know where its content is
		v.mu.Lock()
		delete(v.damaged, positionOf(p))
		v.orphans[positionOf(p)] = p
		v.all = true
		v.mu.Unlock()
		v.poke()
		return true
	}
	payload, err := v.member.fetcher.get(&d.row, &d.away)
	if err != nil {
		return !errors.Is(err, ErrClosed)
	}
	err = l.store.Mend(p, payload)
	if err == nil {
		v.mended(p, payload)
		return w.did(len(payload))
	}
	if !errors.Is(err, segment.ErrOther) {
		l.options.Logger.Error().Err(err).Msg("damaged content can't be written anew where it lies; it is written elsewhere")
	}
	c := coming{payload: payload, digest: d.away.Digest, rows: v.siblings(&d.row, d.away.Digest, payload)}
	if !v.store([]coming{c}) {
		return false
	}
	v.forget(p)
	return w.did(len(payload))
}

// mended notes that content is as it was again.
func (v *mover) mended(p blobstore.Place, payload []byte) {
	v.forget(p)
	v.member.log.scrubbed.mended(p)
	v.mu.Lock()
	v.state.Mended++
	v.state.Bytes += uint64(len(payload))
	v.mu.Unlock()
}

// forget forgets damaged content that nothing points to any more, or that is none.
func (v *mover) forget(p blobstore.Place) {
	v.member.log.damages.forget(p)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.damaged, positionOf(p))
	delete(v.orphans, positionOf(p))
}

// mendOrphan looks whether content is what some damaged place held of which nobody knew whose it
// was, and puts that right.
func (v *mover) mendOrphan(payload []byte) (at blobstore.Place, ok bool) {
	v.mu.Lock()
	var fit []blobstore.Place
	for _, p := range v.orphans {
		if int(p.Length) == len(payload) {
			fit = append(fit, p)
		}
	}
	v.mu.Unlock()
	for _, p := range fit {
		if v.member.log.store.Mend(p, payload) == nil {
			v.mended(p, payload)
			p.Content = contentAt(payload)
			return p, true
		}
	}
	return at, false
}
