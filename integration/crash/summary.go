package crash

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

// report notes what came of a part, at the end of its test.
func report(t testing.TB, p part, tried int, figures string, args ...any) {
	t.Helper()
	result := "0 violations; " + fmt.Sprintf(figures, args...)
	if t.Failed() {
		result = "**failed**"
	}
	note(p.promises, fmt.Sprintf("%d %s", tried, p.what), result, fmt.Sprint(number(t, "SEED", fallback())))
	t.Logf("%d %s: %s", tried, p.what, result)
}

func note(columns ...string) {
	summary.mu.Lock()
	defer summary.mu.Unlock()
	row := append(columns, time.Now().UTC().Format(time.DateOnly))
	summary.rows = append(summary.rows, "| "+strings.Join(row, " | ")+" |")
}

// unproven skips a test on a machine that lacks something, and says so.
func unproven(t testing.TB, p part, why string) {
	t.Helper()
	hole(p, p.what, why)
	t.Skipf("not proven here: %s", why)
}

// hole notes what was not tried.
func hole(p part, what, why string) {
	note(p.promises, "0 "+what, "not proven here: "+why, "")
	summary.mu.Lock()
	defer summary.mu.Unlock()
	summary.holes++
}

// publish prints the table and leaves it in the file SUMMARY.
func publish() error {
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
