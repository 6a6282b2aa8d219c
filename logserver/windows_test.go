package logserver_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/logserver"
)

// TestKeysAreForgottenAtTheirNumber: the last KEYS keyed appends are remembered, neither more nor
// less, also behind a restart, with the index or without.
func TestKeysAreForgottenAtTheirNumber(t *testing.T) {
	dir := t.TempDir()
	o := logserver.Options{Blobs: filepath.Join(dir, "blobs"), DB: filepath.Join(dir, "db"), Keys: 4}
	session := func(script string) {
		t.Helper()
		l, err := logserver.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		hold(t, serveLog(t, l), script)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	add := func(key, index int, duplicate bool) string {
		more := ""
		if duplicate {
			more = `,"duplicate":true`
		}
		return fmt.Sprintf("> {\"id\":\"a\",\"key\":\"%d\",\"entry\":[%d]}\n< {\"id\":\"a\",\"index\":%d%s}\n", key, key, index, more)
	}
	var first strings.Builder
	for key := 1; key <= 6; key++ {
		first.WriteString(add(key, key, false))
	}
	session(first.String())
	for i := range 3 {
		if i == 1 {
			if err := os.Remove(o.DB); err != nil {
				t.Fatal(err)
			}
		}
		session(add(3+i, 3+i, true) + add(6+i, 6+i, true) + add(7+i, 7+i, false) + add(4+i, 4+i, true))
	}
	session(add(6, 6, true) + add(5, 10, false) + add(6, 11, false))
}
