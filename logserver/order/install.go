package order

import (
	"errors"
	"fmt"

	"github.com/ringlog/ringlog/blobstore"
)

// state is what decisions are made from. It is changed only by the functions in this
// file, with what is in a record: live, one by one as each part is decided, and in
// replay by install.
type state struct {
	applied, term uint64 // of the last Raft entry decided
	chain         blobstore.Digest
	time          int64 // of the last accepted entry
	settings      Settings
	members       Members
	facts         []known    // about members, ascending
	newest        uint64     // greatest number that a node ever had
	nodes         []node     // ascending
	logs          []logState // log number n is logs[n-1]
	byName        map[string]uint32
	producers     producers
	outcomes      outcomes
	keys          keys
}

// node is how far a node that proposes has come.
type node struct{ id, incarnation, seq uint64 }

type logState struct {
	name string
	head uint64
}

// errInstall is wrapped by the error for a record that doesn't follow from the state.
var errInstall = errors.New("record does not follow from the state")

// install changes the state as rec says.
func (s *state) install(rec *record, chain blobstore.Digest) error {
	for i := range rec.newLogs {
		if err := s.installLog(rec.newLogs[i]); err != nil {
			return err
		}
	}
	for i := range rec.items {
		if err := s.installItem(rec, &rec.items[i]); err != nil {
			return err
		}
	}
	return s.installEnd(rec, chain)
}

func (s *state) installLog(ref logRef) error {
	if int64(ref.number) != int64(len(s.logs))+1 || s.byName[string(ref.name)] != 0 {
		return fmt.Errorf("%w: log %d", errInstall, ref.number)
	}
	if s.byName == nil {
		s.byName = make(map[string]uint32)
	}
	name := string(ref.name)
	s.logs = append(s.logs, logState{name: name})
	s.byName[name] = ref.number
	return nil
}

func (s *state) installItem(rec *record, it *item) error {
	if it.adds() {
		if err := s.installEntries(it); err != nil {
			return err
		}
	}
	if it.keyed {
		if _, ok := s.keys.find(it.key); ok {
			return fmt.Errorf("%w: key", errInstall)
		}
		s.keys.add(keyRow{it.key, it.digest, it.First})
	}
	if it.numbered {
		return s.installNumbers(rec.producers[it.producer], it)
	}
	return nil
}

func (s *state) installEntries(it *item) error {
	if it.Log == 0 || int64(it.Log) > int64(len(s.logs)) || s.logs[it.Log-1].head+1 != it.First {
		return fmt.Errorf("%w: log %d, index %d", errInstall, it.Log, it.First)
	}
	s.logs[it.Log-1].head += uint64(it.Appends) * uint64(it.Entries)
	return nil
}

func (s *state) installNumbers(name []byte, it *item) error {
	last := uint64(0)
	if p := s.producers.find(name); p != nil {
		last = p.last
	}
	if it.seq != last+1 {
		return fmt.Errorf("%w: seq %d after %d", errInstall, it.seq, last)
	}
	p := s.producers.use(name)
	p.last += uint64(it.Appends)
	value := it.N
	if it.Status == Appended {
		value = it.First
	}
	s.outcomes.add(p, outcomeRun{
		seq: it.seq, value: value, appends: it.Appends, entries: it.Entries, log: it.Log, status: it.Status,
	})
	return nil
}

// installEnd does what concerns the record as a whole.
func (s *state) installEnd(rec *record, chain blobstore.Digest) error {
	if rec.index != s.applied+1 || rec.term < s.term {
		return fmt.Errorf("%w: entry %d of term %d after %d of term %d", errInstall, rec.index, rec.term, s.applied, s.term)
	}
	s.applied, s.term, s.chain = rec.index, rec.term, chain
	if rec.skipped {
		return nil
	}
	switch rec.kind {
	case KindBatch:
		s.installTurn(rec)
	case KindSettings:
		return s.installSettings(&rec.settings)
	case KindMember:
		s.installMembers(&rec.members, &rec.fact)
	case KindIncarnation:
		*s.node(rec.node) = node{rec.node, rec.incarnation, 0}
		s.newest = max(s.newest, rec.node)
		s.installFact(&rec.fact)
	}
	return nil
}

// installTurn notes the proposal's place in its node's sequence, and its time if
// anything was accepted.
func (s *state) installTurn(rec *record) {
	s.node(rec.node).seq = rec.seq
	for i := range rec.items {
		if rec.items[i].adds() {
			s.time = rec.time
			return
		}
	}
}

func (s *state) installSettings(settings *Settings) error {
	if err := settings.known(); err != nil {
		return err
	}
	if err := settings.follows(&s.settings); err != nil {
		return fmt.Errorf("%w: %w", errInstall, err)
	}
	if s.settings.Configuration == 0 {
		s.installMembers(&Members{Voters: settings.Voters}, &fact{})
	}
	s.settings = *settings
	s.settings.Voters = append([]uint64(nil), settings.Voters...)
	s.limit()
	s.keys.evict()
	s.producers.evict()
	s.outcomes.evict()
	return nil
}

// limit gives the windows the sizes that the settings say.
func (s *state) limit() {
	l := s.settings.Limits
	s.keys.limit, s.producers.limit, s.outcomes.limit = l.Keys, l.Producers, l.Outcomes
}

// stand returns where the node stands, zeroes for one that has never started.
func (s *state) stand(id uint64) node {
	for _, n := range s.nodes {
		if n.id == id {
			return n
		}
	}
	return node{id: id}
}

// node returns where the node stands, to be changed.
func (s *state) node(id uint64) *node {
	i := 0
	for i < len(s.nodes) && s.nodes[i].id < id {
		i++
	}
	if i == len(s.nodes) || s.nodes[i].id != id {
		s.nodes = append(s.nodes, node{})
		copy(s.nodes[i+1:], s.nodes[i:])
		s.nodes[i] = node{id: id}
	}
	return &s.nodes[i]
}

// head returns a log's head, 0 if there is no such log.
func (s *state) head(log uint32) uint64 {
	if log == 0 {
		return 0
	}
	return s.logs[log-1].head
}
