package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringlog/ringlog/integration/proof"
	"github.com/ringlog/ringlog/integration/server"
)

// faults is what is done to calls, one at a time.
func faults() []fault {
	change := func(call) bool { return true }
	return []fault{
		{name: "KILL", verdict: verdict{kill: true}, befalls: change},
		{name: "EIO", verdict: verdict{errno: unix.EIO}, befalls: change},
		{name: "ENOSPC", verdict: verdict{errno: unix.ENOSPC}, befalls: takesSpace},
	}
}

// takesSpace says whether a disk may be full for a call.
func takesSpace(c call) bool {
	return c.name == "fallocate" || c.name == "pwrite64" || c.name == "openat" || c.name == "fdatasync"
}

// TestCalls: at whatever system call a server is killed, or told of a failed disk or a full one,
// nothing acknowledged is lost; after a failure nothing is answered, and the process exits 74. The
// long run does so at every call of the script, a commit at some.
func TestCalls(t *testing.T) {
	if err := canWatch(); err != nil {
		proof.Unproven(t, calls, err.Error())
	}
	first := proof.Seed(t)
	random := rand.New(rand.NewPCG(first, 5))
	var plan []fault
	for _, f := range faults() {
		for n := range countCalls(t, first, f) {
			f.n = n + 1
			plan = append(plan, f)
		}
	}
	total := len(plan)
	random.Shuffle(total, func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	struck := map[string]int{}
	entries, reached := 0, 0
	for i := range calls.Tries(t) {
		if i > total {
			break
		}
		f := plan[i-1]
		s := newScript(t, first, f)
		if err := s.play(); err != nil {
			t.Fatalf("SEED=%d, %s at call %d: %v", first, f.name, f.n, err)
		}
		_, confirmed, _ := s.ledger.Counts()
		entries += confirmed
		if s.struck != nil {
			reached++
			struck[fmt.Sprintf("%s %s of %s", f.name, s.struck.name, s.struck.file)]++
		}
		os.RemoveAll(s.server.Dir)
	}
	for _, what := range slices.Sorted(maps.Keys(struck)) {
		t.Logf("%4d %s", struck[what], what)
	}
	proof.Report(t, calls, reached, "of %d; %d kinds of call and file; %d entries acknowledged", total, len(struck), entries)
}

func newScript(t *testing.T, seed uint64, f fault) *script {
	return &script{run: newRun(t, seed, map[string]string{"SEGMENT": "64KiB"}), fault: f}
}

// countCalls plays the script undisturbed and says how many calls a fault may befall.
func countCalls(t *testing.T, seed uint64, f fault) int {
	t.Helper()
	s := newScript(t, seed, f)
	if err := s.play(); err != nil {
		t.Fatalf("SEED=%d, undisturbed: %v", seed, err)
	}
	if s.calls < 50 {
		t.Fatalf("the script makes %d calls", s.calls)
	}
	if files := segments(t, s.server.Dir); files < 4 {
		t.Fatalf("the script fills %d files", files)
	}
	os.RemoveAll(s.server.Dir)
	return s.calls
}

func segments(t *testing.T, dir string) (n int) {
	t.Helper()
	files, err := os.ReadDir(dir + "/blobs")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".seg") {
			n++
		}
	}
	return n
}

func TestAWrongEndIsFound(t *testing.T) {
	eio, kill := verdict{errno: unix.EIO}, verdict{kill: true}
	segment := &call{name: "fdatasync", file: "segment"}
	for name, c := range map[string]struct {
		verdict verdict
		struck  *call
		answers int
		died    *server.Exit // nil: it goes on
		right   bool
	}{
		"failed, and stopped":                  {eio, segment, 0, &server.Exit{Code: 74}, true},
		"killed":                               {kill, segment, 0, &server.Exit{Code: -1}, true},
		"the index failed, and it goes on":     {eio, &call{name: "fdatasync", file: "index"}, 0, nil, true},
		"a table failed, and it goes on":       {eio, &call{name: "pwrite64", file: "table"}, 0, nil, true},
		"nothing happened":                     {eio, nil, 0, nil, true},
		"failed, and answered":                 {eio, segment, 1, &server.Exit{Code: 74}, false},
		"failed, with another code":            {eio, segment, 0, &server.Exit{Code: 65}, false},
		"failed, and panicked":                 {eio, segment, 0, &server.Exit{Code: 2}, false},
		"failed, and goes on":                  {eio, segment, 0, nil, false},
		"MARK failed, and goes on":             {eio, &call{name: "pwrite64", file: "MARK"}, 0, nil, false},
		"no space for a write, and it went on": {verdict{errno: unix.ENOSPC}, &call{name: "pwrite64", file: "segment"}, 0, nil, false},
		"killed, and goes on":                  {kill, segment, 0, nil, false},
		"died of nothing":                      {eio, nil, 0, &server.Exit{Code: 74}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{fault: fault{n: 1, verdict: c.verdict}, struck: c.struck, answers: c.answers}
			err := s.wentOnRightly()
			if c.died != nil {
				err = s.diedRightly(c.died)
			}
			if (err == nil) != c.right {
				t.Errorf("the verdict is %v", err)
			}
		})
	}
}
