package order

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestPlacements(t *testing.T) {
	for _, p := range []Placement{
		{Replicas: 1}, {Replicas: 3}, {3, 1, 1, CommitAll}, {7, 6, 0, CommitOne}, {2, 0, 1, CommitQuorum},
	} {
		if err := p.Check(); err != nil {
			t.Errorf("%+v: %v", p, err)
		}
		r := reader{b: appendPlacement(nil, &p)}
		if again := r.placement(); again != p || r.end("placement") != nil {
			t.Errorf("%+v again: %+v", p, again)
		}
	}
	for _, p := range impossible {
		if err := p.Check(); !errors.Is(err, ErrSettings) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	if d := (Placement{}).WithDefaults(); d != (Placement{3, 0, 0, CommitQuorum}) {
		t.Errorf("by default %+v", d)
	}
}

var impossible = []Placement{
	{}, {Replicas: -1}, {Replicas: 8}, {Replicas: 3, OtherZones: 3}, {Replicas: 3, OtherZones: -1},
	{3, 2, 1, CommitQuorum}, {Replicas: 1, OtherRegions: 1}, {Replicas: 3, OtherRegions: -1}, {Replicas: 3, Commit: commits},
}

func TestCommitLevels(t *testing.T) {
	for level, needs := range map[string][4]int{"one": {1, 1, 1, 1}, "quorum": {1, 2, 2, 4}, "all": {1, 2, 3, 7}} {
		c, err := ParseCommit(level)
		if err != nil || c.String() != level {
			t.Errorf("%s: %v, %v", level, c, err)
		}
		for i, replicas := range []int{1, 2, 3, 7} {
			if c.Needs(replicas) != needs[i] {
				t.Errorf("%s of %d replicas: %d", level, replicas, c.Needs(replicas))
			}
		}
		text, err := json.Marshal(c)
		var again Commit
		if err != nil || json.Unmarshal(text, &again) != nil || again != c {
			t.Errorf("%s as JSON: %s, %v", level, text, err)
		}
	}
	if _, err := ParseCommit("most"); !errors.Is(err, ErrSettings) {
		t.Errorf("most: %v", err)
	}
}

func TestOneSettingChanged(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{SettingReplicas, "5", ""}, {SettingOtherZones, "2", ""}, {SettingOtherRegions, "1", ""}, {SettingCommit, "all", ""},
		{SettingReplicas, "9", "from 1 to 7, not 9"}, {SettingReplicas, "many", "is a number"}, {SettingReplicas, "3.0", "is a number"},
		{SettingOtherZones, "3", "of 3 replicas, 3 can't be"}, {SettingCommit, "most", "one, quorum or all"},
		{"colour", "red", `and no "colour"`},
	} {
		p, err := (Placement{Replicas: 3}).With(test.name, test.value)
		switch {
		case test.want == "" && (err != nil || p.Get(test.name) != test.value):
			t.Errorf("%s %s: %+v, %v", test.name, test.value, p, err)
		case test.want != "" && (!errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s %s: %v", test.name, test.value, err)
		}
	}
	if p := (Placement{}); p.Get("colour") != "" {
		t.Error("there is a colour")
	}
}

// TestSet: settings are changed by who leads, one change after the other, and stay so after a
// restart, from frames and from a checkpoint.
func TestSet(t *testing.T) {
	m := newMachine(t, Limits{Logs: 7})
	if p := m.core.Settings().Placement; p != (Placement{Replicas: 3}) {
		t.Errorf("founded with %+v", p)
	}
	want := Placement{5, 2, 1, CommitAll}
	m.must(m.core.Set(want))
	m.must(m.core.Set(Placement{Replicas: 1})) // another was first
	m.settle()
	said := func(when string) {
		t.Helper()
		if s := m.core.Settings(); s.Placement != want || s.Configuration != 2 || s.Limits.Logs != 7 {
			t.Errorf("%s: %+v", when, s)
		}
	}
	said("set")
	m.options.Placement = Placement{Replicas: 2}
	m.restart()
	said("from frames")
	m.idle()
	m.checkpoint()
	m.restart()
	said("from a checkpoint")
	m.turn()
	if o, err := ReadOpening(m.disk[len(m.disk)-1].checkpoint); err != nil || o.Settings.Placement != want {
		t.Errorf("the next file begins with %+v, %v", o.Settings, err)
	}
	m.propose(1, one("a"))
}

// TestSetRefused: what can't be is refused by who is asked, and if it is proposed nevertheless,
// recorded as nothing.
func TestSetRefused(t *testing.T) {
	m := newMachine(t, Limits{})
	for _, p := range impossible {
		if err := m.core.Set(p); !errors.Is(err, ErrSettings) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	s := m.core.state.settings
	wrong := []Settings{s, s, s, s}
	wrong[0].Placement.OtherZones = 3
	wrong[1].Voters = []uint64{2}
	wrong[2].Apply = firstVersion
	wrong[3].Commit = commits
	for _, w := range wrong {
		e := envelope{kind: KindSettings, header: *m.core.header(0), settings: w}
		m.must(m.core.propose(e.append(nil)))
		m.settle()
		if now := m.core.Settings(); now.Configuration != 1 || now.Placement != s.Placement || !m.core.record.skipped {
			t.Errorf("%+v made %+v", w, now)
		}
	}
	m.restart()
	if err := New(Options{Node: 1, Placement: Placement{Replicas: 9}}).Start(); !errors.Is(err, ErrSettings) {
		t.Errorf("founded with nine replicas: %v", err)
	}
	if err := New(Options{Node: 1}).Set(Placement{Replicas: 3}); !errors.Is(err, ErrNotServing) {
		t.Errorf("set before the start: %v", err)
	}
}

// TestFirstSettings: settings of the first version of apply are read and written as they are,
// with the default placement, which can be changed.
func TestFirstSettings(t *testing.T) {
	old := Settings{Configuration: 1, Apply: firstVersion, Limits: Limits{}.withDefaults(), Voters: []uint64{1}}
	data := appendUvarints(nil, 1, 1, 1<<20, 10_000, 1<<16, 1<<20, 1, 1)
	if !bytes.Equal(appendSettings(nil, &old), data) {
		t.Fatal("they are not written as they were")
	}
	r := reader{b: data}
	var s Settings
	if r.settings(&s); r.end("settings") != nil || s.Placement != (Placement{Replicas: 3}) || s.known() != nil {
		t.Fatalf("read %+v", s)
	}
	m := newMachine(t, Limits{})
	m.core.state.settings.Apply = firstVersion
	m.must(m.core.Set(Placement{Replicas: 5}))
	m.settle()
	if s := m.core.Settings(); s.Replicas != 5 || s.Apply != applyVersion {
		t.Errorf("set to %+v", s)
	}
}

// FuzzSetting: what a person may type is a setting, which is written as it is read, or refused.
func FuzzSetting(f *testing.F) {
	for _, s := range [][2]string{{SettingReplicas, "5"}, {SettingOtherZones, "-1"}, {SettingOtherRegions, "2"}, {SettingCommit, "all"}, {"colour", "red"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		p, err := (Placement{Replicas: 4, OtherZones: 1}).With(name, value)
		if err != nil {
			if !errors.Is(err, ErrSettings) {
				t.Errorf("%q %q: %v", name, value, err)
			}
			return
		}
		if again, err := p.With(name, p.Get(name)); err != nil || again != p || p.Check() != nil {
			t.Errorf("%q %q: %+v, again %+v, %v", name, value, p, again, err)
		}
	})
}
