package order

import (
	"fmt"
	"testing"
	"time"
)

func appended(index uint64) answer {
	return answer{status: Appended, index: index, entries: 1}
}

func again(a answer) answer {
	a.duplicate = true
	return a
}

func (m *machine) expect(appends []Append, want ...answer) {
	m.t.Helper()
	got := m.propose(1, appends...)
	for i := range want {
		if !same(got[i], want[i]) {
			m.t.Errorf("append %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestDuplicatesAndGaps(t *testing.T) {
	m := newMachine(t, Limits{})
	m.expect([]Append{numbered("a", "p", 2)}, answer{status: SeqGap})
	m.expect([]Append{numbered("a", "p", 1), numbered("a", "p", 2), numbered("a", "p", 2), numbered("a", "p", 4)},
		appended(1), appended(2), again(appended(2)), answer{status: SeqGap, n: 2})
	m.expect([]Append{numbered("b", "p", 1)}, again(appended(1))) // over all logs
	m.expect([]Append{numbered("b", "p", 3)}, appended(1))
}

// TestRefusalUsesNumber: a refusal by key, after or number of logs is an outcome like
// any other.
func TestRefusalUsesNumber(t *testing.T) {
	m := newMachine(t, Limits{Logs: 1})
	refusals := []struct {
		append Append
		want   answer
	}{
		{keyed("a", "k", "other"), answer{status: KeyUsed, n: 1}},
		{after("a", 7), answer{status: HeadIs, n: 1}},
		{one("b"), answer{status: TooManyLogs}},
	}
	m.expect([]Append{keyed("a", "k", "entry")}, appended(1))
	for i, c := range refusals {
		a := c.append
		a.Producer, a.Seq = []byte("p"), uint64(i)+1
		m.expect([]Append{a}, c.want)
		m.expect([]Append{a}, again(c.want))
		m.restart()
		m.expect([]Append{a}, again(c.want))
	}
	m.expect([]Append{numbered("a", "p", 4)}, appended(2))
}

// TestKeyDuplicateUsesNumber: what a key finds is remembered as the number's outcome.
func TestKeyDuplicateUsesNumber(t *testing.T) {
	m := newMachine(t, Limits{Keys: 1})
	m.expect([]Append{keyed("a", "k", "x")}, appended(1))
	a := keyed("a", "k", "x")
	a.Producer, a.Seq = []byte("p"), 1
	m.expect([]Append{a}, again(appended(1)))
	m.expect([]Append{keyed("a", "other", "x")}, appended(2)) // the key is forgotten now
	m.expect([]Append{a}, again(appended(1)))
	m.expect([]Append{keyed("a", "k", "x")}, appended(3))
}

func TestOrderOfChecks(t *testing.T) {
	m := newMachine(t, Limits{Logs: 1})
	m.expect([]Append{keyed("a", "k", "x")}, appended(1))
	all := keyed("a", "k", "y")
	all.HasAfter, all.After, all.Producer, all.Seq = true, 9, []byte("p"), 2
	m.expect([]Append{all}, answer{status: SeqGap})
	all.Seq = 1
	m.expect([]Append{all}, answer{status: KeyUsed, n: 1})
	other := after("b", 1)
	m.expect([]Append{other}, answer{status: HeadIs, n: 0})
	other.After = 0
	m.expect([]Append{other}, answer{status: TooManyLogs})
}

func TestAfterWithinBatch(t *testing.T) {
	m := newMachine(t, Limits{})
	m.expect([]Append{after("a", 0), after("a", 0), one("a"), after("a", 2), after("a", 2)},
		appended(1), answer{status: HeadIs, n: 1}, appended(2), appended(3), answer{status: HeadIs, n: 3})
	m.expect([]Append{after("b", 1)}, answer{status: HeadIs, n: 0})
	if _, _, ok := m.core.Log([]byte("b")); ok {
		t.Error("a refused append made a log")
	}
}

// TestAtomicEntriesWithKeyConflict: entries are appended all or none.
func TestAtomicEntriesWithKeyConflict(t *testing.T) {
	m := newMachine(t, Limits{})
	m.expect([]Append{keyed("a", "k", "x")}, appended(1))
	three := keyed("a", "k", "xyz")
	three.Entries = 3
	m.expect([]Append{three, one("a")}, answer{status: KeyUsed, n: 1}, appended(2))
	three.Key = []byte("fresh")
	m.expect([]Append{three, three, one("a")},
		answer{status: Appended, index: 3, entries: 3}, again(answer{status: Appended, index: 3, entries: 3}), appended(6))
	if _, head, _ := m.core.Log([]byte("a")); head != 6 {
		t.Errorf("head is %d", head)
	}
}

func TestTooManyLogs(t *testing.T) {
	m := newMachine(t, Limits{Logs: 2})
	m.expect([]Append{one("a"), one("b"), one("c"), one("a")},
		appended(1), appended(1), answer{status: TooManyLogs}, appended(2))
	m.restart()
	m.expect([]Append{one("c"), one("b")}, answer{status: TooManyLogs}, appended(2))
}

func TestDuplicatesAcrossRestart(t *testing.T) {
	m := newMachine(t, Limits{})
	batch := []Append{numbered("a", "p", 1), keyed("a", "k", "x"), numbered("b", "p", 2)}
	first := []answer{appended(1), appended(2), appended(1)}
	m.expect(batch, first...)
	for i := range first {
		first[i] = again(first[i])
	}
	m.restart() // the decision was never written
	m.expect(batch, first...)
	m.idle()
	m.restart()
	m.expect(batch, first...)
	m.checkpoint()
	m.restart()
	m.expect(batch, first...)
}

func TestOutcomesAreForgottenInOrder(t *testing.T) {
	m := newMachine(t, Limits{Outcomes: 3})
	m.expect([]Append{numbered("a", "p", 1), numbered("a", "p", 2), numbered("a", "q", 1), numbered("a", "q", 2)},
		appended(1), appended(2), appended(3), appended(4))
	forgotten := answer{duplicate: true, forgotten: true}
	for range 2 {
		m.expect([]Append{numbered("a", "p", 1), numbered("a", "p", 2), numbered("a", "q", 1)},
			forgotten, again(appended(2)), again(appended(3)))
		m.checkpoint()
		m.restart()
	}
	m.expect([]Append{numbered("a", "p", 3)}, appended(5))
	m.expect([]Append{numbered("a", "p", 2)}, forgotten)
}

// TestRunGrowsAcrossCheckpoints: the row of a run that has grown is written again, and
// only that.
func TestRunGrowsAcrossCheckpoints(t *testing.T) {
	m := newMachine(t, Limits{})
	m.expect([]Append{numbered("b", "q", 1)}, appended(1))
	for i := range uint64(4) {
		m.expect([]Append{numbered("a", "p", i+1)}, appended(i+1))
		m.idle()
		cp, _ := m.core.Checkpoint()
		if want := max(1, 2-int(i)); len(cp.Outcomes.Rows) != want {
			t.Errorf("checkpoint %d has %d rows, want %d", i, len(cp.Outcomes.Rows), want)
		}
		m.checkpoint()
		if i == 2 {
			m.restart()
		}
	}
	m.restart()
	m.expect([]Append{numbered("a", "p", 1), numbered("a", "p", 4), numbered("b", "q", 1)},
		again(appended(1)), again(appended(4)), again(appended(1)))
}

func TestProducersAreForgottenInOrder(t *testing.T) {
	m := newMachine(t, Limits{Producers: 2})
	m.expect([]Append{numbered("a", "p", 1), numbered("a", "q", 1), numbered("a", "p", 2)}, appended(1), appended(2), appended(3))
	m.expect([]Append{numbered("a", "q", 1)}, again(appended(2))) // an answer, not a use
	m.expect([]Append{numbered("a", "r", 1), numbered("a", "q", 2)}, appended(4), answer{status: SeqGap, n: 0})
	m.expect([]Append{numbered("a", "p", 1)}, again(appended(1)))
	m.expect([]Append{numbered("a", "q", 1)}, appended(5)) // another life
	m.checkpoint()
	m.restart()
	m.expect([]Append{numbered("a", "q", 1), numbered("a", "p", 3)}, again(appended(5)), answer{status: SeqGap, n: 0})
}

func TestKeysAreForgottenInOrder(t *testing.T) {
	m := newMachine(t, Limits{Keys: 2})
	m.expect([]Append{keyed("a", "1", ""), keyed("b", "2", ""), keyed("a", "1", ""), keyed("b", "1", "")},
		appended(1), appended(1), again(appended(1)), appended(2))
	m.checkpoint()
	m.restart()
	m.expect([]Append{keyed("b", "2", ""), keyed("a", "1", "")}, again(appended(1)), appended(2))
}

// TestFullWindows: with the real sizes, and one more than they hold.
func TestFullWindows(t *testing.T) {
	const n = 5000
	m := newMachine(t, Limits{Keys: n, Producers: n, Outcomes: n})
	var batch []Append
	for i := range n + 1 {
		a := keyed("a", fmt.Sprint(i), "")
		a.Producer, a.Seq = fmt.Appendf(nil, "producer %d", i), 1
		batch = append(batch, a)
	}
	m.propose(1, batch...)
	m.checkpoint()
	m.restart()
	m.expect([]Append{keyed("a", "1", ""), keyed("a", "0", ""), numbered("a", "producer 1", 1), numbered("a", "producer 0", 1)},
		again(appended(2)), appended(n+2), again(appended(2)), appended(n+3))
}

// TestClock: times never go back, whatever the clock does, also across a restart.
func TestClock(t *testing.T) {
	m := newMachine(t, Limits{})
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	steps := []struct{ clock, want time.Time }{
		{now, now},
		{now.AddDate(-10, 0, 0), now},
		{now.AddDate(10, 0, 0), now.AddDate(10, 0, 0)},
		{now.Add(time.Second), now.AddDate(10, 0, 0)},
		{now.AddDate(10, 0, 1), now.AddDate(10, 0, 1)},
	}
	for i, s := range steps {
		m.decided = func(d *Decision) {
			if d.Own && d.Kind == KindBatch && d.Time != s.want.UnixNano() {
				t.Errorf("step %d: time is %v, want %v", i, time.Unix(0, d.Time).UTC(), s.want)
			}
		}
		m.propose(s.clock.UnixNano(), one("a"))
		if i%2 == 0 {
			m.checkpoint()
		}
		m.restart()
	}
}

// TestRefusedLeavesNoTime: a batch of which nothing is accepted doesn't move time.
func TestRefusedLeavesNoTime(t *testing.T) {
	m := newMachine(t, Limits{})
	m.propose(5, one("a"))
	m.propose(100, after("a", 9))
	if m.core.Time() != 5 {
		t.Errorf("time is %d", m.core.Time())
	}
}

func TestSettingsAreTheClusters(t *testing.T) {
	m := newMachine(t, Limits{Logs: 1})
	m.options.Limits.Logs = 5
	m.restart()
	m.expect([]Append{one("a"), one("b")}, appended(1), answer{status: TooManyLogs})
	s := m.core.Settings()
	if s.Limits.Logs != 1 || s.Configuration != 1 || s.Apply != applyVersion || len(s.Voters) != 1 || s.Voters[0] != 1 {
		t.Errorf("settings: %+v", s)
	}
}

// TestCompact: many like appends cost few bytes.
func TestCompact(t *testing.T) {
	m := newMachine(t, Limits{})
	m.idle()
	var batch []Append
	for _, producer := range names(8) {
		for i := range uint64(125) {
			a := numbered("main", string(producer), i+1)
			batch = append(batch, a)
		}
	}
	m.propose(1, batch...)
	if n := m.core.state.outcomes.runs.n; n != 8 {
		t.Errorf("%d runs of outcomes", n)
	}
	r, _ := m.core.Ready()
	ordered := m.disk[len(m.disk)-1].order[0]
	if len(ordered) > 512 || len(r.Decided) > 640 {
		t.Errorf("1,000 appends take %d bytes of order, %d decided", len(ordered), len(r.Decided))
	}
}
