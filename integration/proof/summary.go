package proof

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// summary is the table of what this process tried.
var summary struct {
	mu    sync.Mutex // guards the following
	rows  []string
	holes int // what could not be proven on this machine
}

// Report notes what came of a part, at the end of its test.
func Report(t testing.TB, p Part, tried int, figures string, args ...any) {
	t.Helper()
	result := "0 violations; " + fmt.Sprintf(figures, args...)
	if t.Failed() {
		result = "**failed**"
	}
	Note(p.Promises, fmt.Sprintf("%d %s", tried, p.What), result, fmt.Sprint(Number(t, "SEED", fallback())))
	t.Logf("%d %s: %s", tried, p.What, result)
}

// Note adds a row to the table: promises, what was tried, the result, the seed.
func Note(columns ...string) {
	summary.mu.Lock()
	defer summary.mu.Unlock()
	row := append(columns, time.Now().UTC().Format(time.DateOnly))
	summary.rows = append(summary.rows, "| "+strings.Join(row, " | ")+" |")
}

// Unproven skips a test on a machine that lacks something, and says so.
func Unproven(t testing.TB, p Part, why string) {
	t.Helper()
	Hole(p, p.What, why)
	t.Skipf("not proven here: %s", why)
}

// Hole notes what was not tried.
func Hole(p Part, what, why string) {
	Note(p.Promises, "0 "+what, "not proven here: "+why, "")
	summary.mu.Lock()
	defer summary.mu.Unlock()
	summary.holes++
}

// Publish prints the table and leaves it in the file SUMMARY.
func Publish() error {
	summary.mu.Lock()
	defer summary.mu.Unlock()
	if len(summary.rows) == 0 {
		return nil
	}
	text := "| promise | tried | result | seed | date |\n|---|---|---|---|---|\n" + strings.Join(summary.rows, "\n") + "\n"
	fmt.Printf("%snot proven here: %d\n", text, summary.holes)
	file := os.Getenv("SUMMARY")
	if file == "" {
		return nil
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
