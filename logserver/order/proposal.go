package order

import (
	"crypto/sha256"
	"errors"

	"github.com/ringlog/ringlog/blobstore"
)

// ErrProposal is wrapped by the error for a proposal that breaks the rules of
// Append, or is empty. Nothing was proposed.
var ErrProposal = errors.New("invalid proposal")

// Append is one append, of one entry or several that belong together.
type Append struct {
	Log       []byte // 1 to 128 bytes; nil: main
	Entries   int
	Producer  []byte // 1 to 64 bytes; nil: not numbered
	Seq       uint64 // from 1
	Key       []byte // nil: none
	KeyDigest blobstore.Digest
	HasAfter  bool
	After     uint64
}

// Proposal gathers appends for one batch. The zero value is ready for use, and
// after Reset it is used again without allocating.
type Proposal struct {
	batch
	appends       int
	holders       []uint64
	logNames      table
	producerNames table
	err           error // of appends that can't be proposed
	scratch       []byte
}

// table gives each name that is used in a proposal a position. It keeps names
// from proposal to proposal, since the same ones come again.
type table struct {
	known map[string]position
	round uint64 // of the current proposal
	names [][]byte
}

type position struct {
	name  []byte
	round uint64
	at    uint32
}

// maxTable bounds how many names a table keeps.
const maxTable = 1 << 16

func (t *table) reset() {
	t.round++
	t.names = t.names[:0]
	if len(t.known) > maxTable {
		clear(t.known)
	}
}

func (t *table) position(name []byte) uint32 {
	p, ok := t.known[string(name)]
	if ok && p.round == t.round {
		return p.at
	}
	if !ok {
		p.name = append([]byte(nil), name...)
	}
	if t.known == nil {
		t.known = make(map[string]position)
	}
	p.round, p.at = t.round, uint32(len(t.names))
	t.names = append(t.names, p.name)
	t.known[string(p.name)] = p
	return p.at
}

// Reset empties the proposal.
func (p *Proposal) Reset() {
	p.appends, p.entries, p.err = 0, 0, nil
	p.holders = p.holders[:0]
	p.logs, p.runs = p.logs[:0], p.runs[:0]
	p.logNames.reset()
	p.producerNames.reset()
}

// Len returns how many appends were added.
func (p *Proposal) Len() int { return p.appends }

// Place says which nodes have flushed the batch's content: the batch is placed. Its order may then be stored
// by nodes that don't have the content, which is for owners only. Without holders, as after Reset,
// content and order go together.
func (p *Proposal) Place(holders []uint64) { p.holders = append(p.holders[:0], holders...) }

var mainLog = []byte("main")

// Add puts a behind the appends that are there; nothing of a is kept. What can't be
// proposed makes Propose fail.
func (p *Proposal) Add(a *Append) {
	log := a.Log
	if log == nil {
		log = mainLog
	}
	if err := checkAppend(a, log); err != nil {
		p.err = errors.Join(p.err, err)
		return
	}
	p.appends++
	p.entries += uint32(a.Entries)
	if n := len(p.runs); n > 0 && p.extend(&p.runs[n-1], a, log) {
		return
	}
	p.runs = append(p.runs, run{
		log: p.logNames.position(log), appends: 1, entries: uint32(a.Entries),
		hasAfter: a.HasAfter, after: a.After,
	})
	u := &p.runs[len(p.runs)-1]
	if a.Producer != nil {
		u.numbered, u.producer, u.seq = true, p.producerNames.position(a.Producer), a.Seq
	}
	if a.Key != nil {
		u.keyed, u.key, u.digest = true, p.hash(log, a.Key), a.KeyDigest
	}
}

func checkAppend(a *Append, log []byte) error {
	switch {
	case a.Entries < 1 || a.Entries > 1<<24:
		return errors.New("no entries, or too many")
	case len(log) == 0 || len(log) > maxLogName:
		return errors.New("length of the log's name")
	case a.Producer != nil && (len(a.Producer) == 0 || len(a.Producer) > maxProducer):
		return errors.New("length of the producer's name")
	}
	return nil
}

// extend adds a to the last run if it is one more of the same.
func (p *Proposal) extend(u *run, a *Append, log []byte) bool {
	if u.entries != 1 || a.Entries != 1 || u.keyed || a.Key != nil || u.hasAfter || a.HasAfter ||
		u.numbered != (a.Producer != nil) || string(p.logNames.names[u.log]) != string(log) {
		return false
	}
	if u.numbered && (u.seq+uint64(u.appends) != a.Seq ||
		string(p.producerNames.names[u.producer]) != string(a.Producer)) {
		return false
	}
	u.appends++
	return true
}

// keyHash stands for a log and a key: the first half of SHA-256(length of the
// log's name ‖ name ‖ key).
type keyHash [16]byte

func (p *Proposal) hash(log, key []byte) (h keyHash) {
	p.scratch = append(append(append(p.scratch[:0], byte(len(log))), log...), key...)
	sum := sha256.Sum256(p.scratch)
	copy(h[:], sum[:])
	return h
}

// seal fills in what is only known when the proposal is made, and checks it. number
// returns the number of a log that has one.
func (p *Proposal) seal(digest blobstore.Digest, stamp int64, number func(name []byte) uint32) error {
	if p.err != nil {
		return errors.Join(ErrProposal, p.err)
	}
	p.digest, p.stamp = digest, stamp
	p.producers = p.producerNames.names
	p.logs = p.logs[:0]
	for _, name := range p.logNames.names {
		p.logs = append(p.logs, logRef{number(name), name})
	}
	return p.check()
}
