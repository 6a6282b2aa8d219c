package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/client"
)

// When the server is gone for good, one line says so, not one for each of thousands.
func TestALostServerIsReportedOnce(t *testing.T) {
	var out bytes.Buffer
	a := tally{out: &out}
	a.changed = sync.NewCond(&a.mu)
	for i := range 4 {
		if !a.take(place{"stdin", i + 1}, 10) {
			t.Fatal("a line is not taken")
		}
	}
	a.outcome(7, 10)
	for i := 2; i <= 4; i++ {
		a.report(place{"stdin", i}, fmt.Errorf("kept for 1m: %w", client.ErrDisconnected))
		a.outcome(0, 10)
	}
	if a.take(place{"stdin", 5}, 10) {
		t.Error("a line is taken although nothing can be appended")
	}
	a.drained()
	err := a.summary("main", time.Second)
	if !errors.Is(err, client.ErrDisconnected) || exitCode(err) != exitConnect {
		t.Errorf("summary: %v", err)
	}
	want := []string{"ringlog: stdin:2: kept for 1m", "ringlog: stdin:3 to stdin:4: 2 more lines were given up",
		"1 appended to main (index 7 to 7), 3 not, in 1s"}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%q", lines)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%q, want %q", line, want[i])
		}
	}
}
