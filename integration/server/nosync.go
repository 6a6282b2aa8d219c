package server

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Lying builds the ringlog that flushes nothing. What doesn't find it out proves nothing.
func Lying(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ringlog-nosync")
	build := exec.Command("go", "build", "-tags", "nosync", "-o", binary, "./cmd/ringlog")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command(binary, "version").Output(); err != nil || !strings.Contains(string(out), "+nosync") {
		t.Fatalf("it doesn't say what it is: %s (%v)", out, err)
	}
	return binary
}
