package logserver_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/logserver"
)

// What is said of a log's bytes is exact where its entries are of one size, and near where
// they are mixed.
func TestAboutBytes(t *testing.T) {
	log, err := logserver.Open(logserver.Options{Blobs: t.TempDir(), DB: t.TempDir() + "/db"})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	said := make(map[string]int64)
	fill := func(name string, n int, size func(i int) int) (bytes int64) {
		w := log.NewWriter(name)
		defer w.Close()
		for i := range n {
			entry := fmt.Appendf(nil, `["%s"]`, strings.Repeat("x", size(i)-4))
			bytes += int64(len(entry))
			w.Add(entry)
			if i%7 == 6 || i == n-1 {
				w.Submit(logserver.Conditions{})
				if _, err := w.Wait(); err != nil {
					t.Fatal(err)
				}
			}
		}
		return bytes
	}
	said["one"] = fill("one", 1, func(int) int { return 50 })
	said["even"] = fill("even", 1000, func(int) int { return 100 })
	said["mixed"] = fill("mixed", 2000, func(i int) int { return 10 + i%7*100 })
	for _, h := range log.Heads() {
		want := said[h.Log]
		if h.Log == "mixed" && (h.About < want*9/10 || h.About > want*11/10) || h.Log != "mixed" && h.About != want {
			t.Errorf("%s: %d, want %d", h.Log, h.About, want)
		}
	}
}
