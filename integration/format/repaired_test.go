package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// TestRepaired reads what repairs have left: of content that is marked, all but the entries that ringlog lists
// as lost; behind a gap it may know less, up to the next checkpoint.
func TestRepaired(t *testing.T) {
	s := server.New(t, server.Dir(t), map[string]string{"SEGMENT": "65536"})
	s.Start()
	c := dial(t, s)
	for i := range 900 {
		c.say(`{"id":"a","log":"b","key":"k%d","entry":{"n":%d,"pad":"%0200d"}}`, i, i, i)
		c.say(`{"id":"b","log":"c","entries":[{"a":%d},{"b":%d}]}`, i, i)
	}
	sound := bytes.SplitAfter(bytes.TrimSpace(s.Run("export", "--meta", "--log", "b")), []byte("\n"))
	s.Stop()
	blobs := filepath.Join(s.Dir, "blobs")

	harm(t, blobs, 2, func(content []byte) { clear(content[bytes.Index(content, []byte(`"pad"`)):][:8]) })
	want := left(t, s, sound)
	if len(want) == len(sound) {
		t.Fatal("nothing is lost")
	}
	same(t, "marked content", read(t, blobs, "b"), append(bytes.Join(want, nil), '\n'))

	harm(t, blobs, 3, func(content []byte) { clear(content[4096:16384]) })
	want = left(t, s, sound)
	got := bytes.SplitAfter(bytes.TrimSpace(read(t, blobs, "b")), []byte("\n"))
	for _, line := range got {
		i := slices.IndexFunc(want, func(w []byte) bool { return bytes.Equal(w, line) })
		if i < 0 {
			t.Fatalf("behind a gap: %s is lost, or not in its place", line)
		}
		want = want[i+1:]
	}
	if len(want) > 0 || len(got) < len(sound)/2 {
		t.Errorf("behind a gap: it ends early, with %d lines of %d", len(got), len(sound))
	}
}

// harm changes a segment.
func harm(t *testing.T, blobs string, number int, how func(content []byte)) {
	t.Helper()
	name := filepath.Join(blobs, fmt.Sprintf("%016d.seg", number))
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	how(content)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// left repairs and returns the lines of log b that are not lost.
func left(t *testing.T, s *server.Server, lines [][]byte) (rest [][]byte) {
	t.Helper()
	s.Run("repair", "--yes")
	var report struct {
		Lost []struct {
			Log         string
			First, Last int
		}
	}
	if err := json.Unmarshal(s.Run("verify", "--json"), &report); err != nil {
		t.Fatal(err)
	}
	gone := map[int]bool{}
	for _, l := range report.Lost {
		for i := l.First; l.Log == "b" && i <= l.Last; i++ {
			gone[i] = true
		}
	}
	for i, line := range lines {
		if !gone[i+1] {
			rest = append(rest, line)
		}
	}
	return rest
}
