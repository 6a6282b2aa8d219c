package order

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/blobstore"
)

// small returns a machine with a past.
func small(t testing.TB) *machine {
	m := newMachine(t, Limits{Keys: 2, Logs: 3, Producers: 2, Outcomes: 4})
	m.propose(1, numbered("a", "p", 1), numbered("a", "p", 2), keyed("b", "k", "x"), numbered("b", "q", 1))
	m.idle()
	return m
}

// seeds are encoded proposals of all sorts.
func seeds() [][]byte {
	h := &header{node: 1, incarnation: 1, seq: 2, configuration: 1, holders: []uint64{1}}
	list := [][]byte{
		appendHeader(nil, KindIncarnation, h),
		appendStatement(nil, KindIncarnation, &header{node: 9, incarnation: 9}, &fact{id: 9, about: []byte("one")}),
		appendStatement(nil, KindMember, h, &fact{id: 2, replaces: 1, about: []byte("two")}),
		(&envelope{kind: KindSettings, header: header{node: 1, configuration: 1}, settings: Settings{
			Apply: 1, Limits: Limits{1, 1, 1, 1}, Voters: []uint64{1},
		}}).append(nil),
		(&envelope{kind: KindSettings, header: header{node: 1, configuration: 1}, settings: Settings{
			Apply: 2, Limits: Limits{1, 1, 1, 1}, Placement: Placement{5, 2, 1, CommitAll}, Voters: []uint64{1},
		}}).append(nil),
	}
	three := keyed("c", "k2", "x")
	three.Entries, three.Producer, three.Seq = 3, []byte("r"), 1
	for _, appends := range [][]Append{
		{one("a"), one("a"), one("b"), after("a", 4)},
		{numbered("a", "p", 1), numbered("a", "p", 2), numbered("a", "p", 3), numbered("a", "p", 9)},
		{keyed("b", "k", "x"), keyed("b", "k", "y"), three, one("d")},
	} {
		p := proposal(appends)
		if err := p.seal(blobstore.Digest{7}, 5, func([]byte) uint32 { return 0 }); err != nil {
			panic(err)
		}
		list = append(list, p.append(appendHeader(nil, KindBatch, h)))
		placed := *h
		placed.placed, placed.holders = true, []uint64{2, 9, 300}
		list = append(list, p.append(appendHeader(nil, KindBatch, &placed)))
	}
	return list
}

// FuzzApply: any bytes that are committed are decided about, or refused as malformed,
// without a panic; and what was decided can be read and installed again.
func FuzzApply(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var e, back envelope
		if e.decode(data) != nil {
			return
		}
		if err := back.decode(e.append(nil)); err != nil || !bytes.Equal(back.append(nil), e.append(nil)) {
			t.Fatalf("encoded again: %v", err)
		}
		m := small(t)
		before := len(m.disk)
		m.must(m.core.propose(data))
		if !m.flush() {
			t.Fatal("nothing to flush")
		}
		if m.core.Advance(nil) != nil {
			return
		}
		m.began = before
		m.core.filed.reset()
		m.core.filed.add(&m.core.record, 0, m.core.before) // the only one since
		m.turn()
		c, err := restored(m.options, m.db, m.disk)
		if err != nil {
			t.Fatalf("replay of what was decided: %v (%x)", err, m.disk[before:])
		}
		if c.wholeHash() != m.core.wholeHash() {
			t.Fatal("another state after replay")
		}
	})
}

// FuzzRecord: any bytes are a record or malformed, and a record installs or doesn't.
func FuzzRecord(f *testing.F) {
	m := small(f)
	for _, d := range m.disk {
		if d.decided != nil {
			m.must(records(d.decided, func(data []byte, _ blobstore.Digest) error {
				f.Add(data)
				return nil
			}))
		}
	}
	for _, b := range seeds() {
		m := small(f)
		m.must(m.core.propose(b))
		m.settle()
		f.Add(m.core.record.append(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var rec, back record
		if rec.decode(data) != nil {
			return
		}
		encoded := rec.append(nil)
		if err := back.decode(encoded); err != nil || !reflect.DeepEqual(back.append(nil), encoded) {
			t.Fatalf("encoded again: %v", err)
		}
		c := small(t).core
		rec.index, rec.term = c.state.applied+1, max(rec.term, c.state.term)
		if c.state.install(&rec, blobstore.Digest{}) == nil {
			c.show(&rec)
			c.wholeHash()
		}
	})
}

// FuzzFrames: any bytes in a frame are taken or refused.
func FuzzFrames(f *testing.F) {
	for _, d := range small(f).disk {
		for _, o := range d.order {
			f.Add(byte(0), o)
		}
		f.Add(byte(1), d.state)
		f.Add(byte(2), d.decided)
	}
	m := small(f)
	m.turn()
	turn := m.disk[len(m.disk)-1]
	f.Add(byte(3), turn.seal)
	f.Add(byte(4), turn.checkpoint[:len(turn.checkpoint)-4])
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		c := New(Options{Node: 1})
		switch kind % 5 {
		case 0:
			if e, err := decodeOrder(data); err == nil {
				if again, err := decodeOrder(appendOrder(nil, e)); err != nil || again.String() != e.String() {
					t.Fatalf("encoded again: %v", err)
				}
			}
			_ = c.ReplayOrder(data)
		case 1:
			if c.ReplayState(data) == nil {
				if s, err := decodeState(appendState(nil, c.restore.hard)); err != nil || s != c.restore.hard {
					t.Fatalf("encoded again: %v", err)
				}
			}
		case 2:
			_ = c.ReplayDecided(data, nil)
		case 3:
			_ = c.ReplaySeal(data, nil)
		case 4:
			_ = c.ReplayCheckpoint(appendSum(bytes.Clone(data), 0))
		}
		if c.Start() == nil {
			_, _ = c.Ready()
		}
	})
}

// FuzzCheckpoint: any state and rows, their checksums right, load or don't; what loads
// can be worked with.
func FuzzCheckpoint(f *testing.F) {
	m := small(f)
	m.checkpoint()
	unsummed := func(b []byte) []byte { return b[:len(b)-4] }
	var rows [2][]byte
	for i, set := range []map[uint64][]byte{m.db.keys, m.db.outcomes} {
		m.must(sorted(set, func(_ uint64, row []byte) error {
			rows[i] = append(append(rows[i], byte(len(row)-4)), unsummed(row)...)
			return nil
		}))
	}
	f.Add(unsummed(m.db.state), rows[0], rows[1])
	m.must(m.core.Join(2, []byte("two")))
	m.checkpoint()
	f.Add(unsummed(m.db.state), rows[0], rows[1])
	f.Fuzz(func(t *testing.T, state, keys, outcomes []byte) {
		c := New(Options{Node: 1})
		if c.LoadCheckpoint(appendSum(bytes.Clone(state), 0)) != nil {
			return
		}
		each := func(rows []byte, fn func(row []byte) error) bool {
			for len(rows) > 0 {
				n := min(int(rows[0]), len(rows)-1)
				if fn(appendSum(bytes.Clone(rows[1:1+n]), 0)) != nil {
					return false
				}
				rows = rows[1+n:]
			}
			return true
		}
		l := c.restore.loading
		if !each(keys, func(row []byte) error { return c.LoadKey(c.state.keys.rows.next(), row) }) ||
			!each(outcomes, func(row []byte) error { return c.LoadOutcome(l.outcomes, row) }) || c.Start() != nil {
			return
		}
		m := &machine{t: t, core: c}
		m.settle()
		if c.Serving() {
			m.propose(1, numbered("a", "p", 1), numbered("a", "p", 3), keyed("b", "k", "x"), numbered("b", "q", 1))
		}
	})
}

// FuzzStep: no bytes of a message do any harm; what isn't one is ErrMessage. Raft's own
// are believed: who has a certificate of the cluster's doesn't lie.
func FuzzStep(f *testing.F) {
	f.Add(byte(MessageProposal), appendHeader(nil, KindIncarnation, &header{node: 2, incarnation: 1}))
	f.Add(byte(MessageRefused), refusal{1, 1}.append(nil))
	f.Add(byte(MessageHello), memory{1, 2, 3, 4}.append(nil))
	f.Add(byte(MessageWelcome), []byte{1, 7, 1})
	f.Add(byte(MessageWelcome), []byte{1, 7, 1, 2})
	f.Add(byte(MessageKept), kept{1, 2}.append(nil))
	f.Add(byte(MessageRecords), []byte{1, 1, 0})
	f.Add(byte(MessageClock), appendTime([]byte{messageVersion}, 7))
	f.Add(byte(MessagePull), Pull{1, 9}.append(nil))
	f.Add(byte(MessageFetched), (&Late{blobstore.Digest{3}, []LateRun{{1, 2}, {7, 1 << 40}}}).Append(nil))
	f.Add(byte(MessageFetched), AppendFetched(nil, &Want{Digest: blobstore.Digest{2}, Log: 1, Index: 2}, []byte("content")))
	f.Add(byte(MessageWant), (&Want{Digest: blobstore.Digest{1}, Log: 1, Index: 2}).append(nil))
	f.Add(byte(MessageHeld), AppendHeld(nil, blobstore.Digest{1}))
	f.Fuzz(func(t *testing.T, kind byte, payload []byte) {
		m := newMachine(t, Limits{})
		m.core.lead = 0 // so that records are looked at
		k := MessageKind(kind%(byte(messageKinds)-1) + 2)
		err := m.core.Step(Message{2, 1, k, payload})
		if err != nil && !errors.Is(err, ErrMessage) {
			t.Fatal(err)
		}
		if p, err := ReadPull(payload); err == nil {
			if again, err := ReadPull(p.append(nil)); err != nil || again != p {
				t.Fatalf("%+v again: %+v, %v", p, again, err)
			}
		}
		if l, err := ReadLate(payload); err == nil {
			if again, err := ReadLate(l.Append(nil)); err != nil || again.Digest != l.Digest || !slices.Equal(again.Runs, l.Runs) {
				t.Fatalf("%v is read as %v, %v", l, again, err)
			}
		}
		if w, content, err := ReadFetched(payload); err == nil {
			if again, rest, err := ReadFetched(AppendFetched(nil, &w, content)); err != nil || again != w || !bytes.Equal(rest, content) {
				t.Fatalf("%v and %x are read as %v, %x, %v", w, content, again, rest, err)
			}
		}
		if w, err := ReadWant(payload); err == nil {
			if again, err := ReadWant(w.append(nil)); err != nil || again != w {
				t.Fatalf("%+v again: %+v, %v", w, again, err)
			}
		}
		if d, err := ReadHeld(payload); err == nil && !bytes.Equal(AppendHeld(nil, d), payload) {
			t.Fatalf("%x again: %x", payload, AppendHeld(nil, d))
		}
		_ = SplitDecided(payload, func(uint64, []byte) error { return nil })
		m.core.leading, m.core.lead = true, 1
		if err := m.core.Tick(1); err != nil {
			t.Fatal(err)
		}
		for m.core.Err() == nil && m.flush() {
			if err := m.core.Advance(nil); err != nil && !errors.Is(err, errInstall) && !errors.Is(err, ErrUnknown) {
				t.Fatal(err)
			}
		}
	})
}
