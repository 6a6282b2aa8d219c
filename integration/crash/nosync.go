package crash

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// lying builds the ringlog that flushes nothing. What doesn't find it out proves nothing.
func lying(t testing.TB) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ringlog-nosync")
	build := exec.Command("go", "build", "-tags", "nosync", "-o", binary, "./cmd/ringlog")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}
