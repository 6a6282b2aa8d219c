package order

import "github.com/ringlog/ringlog/blobstore"

// Late says whose content a content frame holds that is written after the batch was decided: the next frame
// of the same batch of frames.
//
//	version: a byte (1); digest of the batch: 32 bytes
//	runs: count, each: number of the log, index of the first entry: uvarint
type Late struct {
	Digest blobstore.Digest
	Runs   []LateRun
}

// LateRun is where one of the runs begins that were made of the batch.
type LateRun struct {
	Log   uint32
	First uint64
}

const lateVersion = 1

// Append appends the payload of a late frame.
func (l *Late) Append(dst []byte) []byte {
	dst = append(append(dst, lateVersion), l.Digest[:]...)
	dst = appendUvarints(dst, uint64(len(l.Runs)))
	for _, r := range l.Runs {
		dst = appendUvarints(dst, uint64(r.Log), r.First)
	}
	return dst
}

// ReadLate reads the payload of a late frame.
func ReadLate(payload []byte) (l Late, err error) {
	const what = "late frame"
	r := reader{b: payload}
	if err := r.version(what); err != nil {
		return l, err
	}
	r.into(l.Digest[:])
	for range r.count(2) {
		l.Runs = append(l.Runs, LateRun{r.uint32(), r.between(1, maxNumber)})
	}
	return l, r.end(what)
}
