package format

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// read runs the reader, which must end well.
func read(t *testing.T, dir, log string) []byte {
	t.Helper()
	cmd := exec.Command("python3", "reader.py", dir, log)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("reader.py %s %s: %v: %s (integration/scripts/install installs python3)", dir, log, err, stderr.String())
	}
	return out
}

func same(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if bytes.Equal(got, want) {
		return
	}
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			t.Fatalf("%s: line %d is\n%s\nwant\n%s", what, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d", what, len(g), len(w))
}

// TestLength: the format is simple enough.
func TestLength(t *testing.T) {
	text, err := os.ReadFile("reader.py")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines > 150 {
		t.Errorf("reader.py has %d lines, want 150 at most", lines)
	}
}

// TestGolden reads the directory that every version must open.
func TestGolden(t *testing.T) {
	golden := filepath.Join("..", "..", "logserver", "testdata", "format1")
	dumps, err := filepath.Glob(filepath.Join(golden, "*.jsonl"))
	if err != nil || len(dumps) < 3 {
		t.Fatalf("%d dumps, %v", len(dumps), err)
	}
	for _, dump := range dumps {
		want, err := os.ReadFile(dump)
		if err != nil {
			t.Fatal(err)
		}
		log := strings.TrimSuffix(filepath.Base(dump), ".jsonl")
		same(t, log, read(t, filepath.Join(golden, "blobs"), log), want)
	}
}

// conversation is a connection on which each line is answered before the next is sent.
type conversation struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, s *server.Server) *conversation {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(server.Patience)); err != nil {
		t.Fatal(err)
	}
	return &conversation{t, conn, bufio.NewReader(conn)}
}

// say sends a line and returns whether it was refused.
func (c *conversation) say(format string, args ...any) (refused bool) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format+"\n", args...); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		c.t.Fatal(err)
	}
	var answer struct{ Error string }
	if err := json.Unmarshal(line, &answer); err != nil {
		c.t.Fatalf("%s: %v", line, err)
	}
	return answer.Error != ""
}

// appends makes appends of every sort, and tells how many were refused.
func (c *conversation) appends(life, rounds int) (refused int) {
	pad := strings.Repeat("é", 100)
	for i := range rounds {
		for _, line := range []string{
			fmt.Sprintf(`{"id":"a","entry":{"life":%d,"n":%d,"pad":"%s"}}`, life, i, pad),
			fmt.Sprintf(`{"id":"b","log":"b","producer":"p%d","seq":%d,"entry":[%d, 1.0, 1e400]}`, life, i+1, i),
			fmt.Sprintf(`{"id":"c","log":"b","key":"k \u00e9 \"%d\"","entries":[{"a":%d},{"b":%d}]}`, i%50, life, i),
			fmt.Sprintf(`{"id":"d","log":"c.d-e_f","after":%d,"entry":{"n":%d}}`, i/2, i),
			fmt.Sprintf(`{"id":"e","log":"b","producer":"q","seq":%d,"entry":{"n":%d}}`, i, i),
			fmt.Sprintf(`{"id":"f","log":"b","producer":"p%d","seq":%d,"entry":{"n":%d}}`, life, i/2+1, i),
		} {
			if c.say("%s", line) {
				refused++
			}
		}
	}
	return refused
}

// TestServersDirectory reads what a server has written: several logs in several small segments,
// appends that were refused or there before, kills in between.
func TestServersDirectory(t *testing.T) {
	s := server.New(t, server.Dir(t), map[string]string{"SEGMENT": "65536"})
	refused := 0
	for life := range 3 {
		s.Start()
		refused += dial(t, s).appends(life, 60)
		s.Kill()
	}
	s.Start()
	refused += dial(t, s).appends(3, 5)
	wants := map[string][]byte{}
	for _, log := range []string{"main", "b", "c.d-e_f"} {
		wants[log] = s.Run("export", "--meta", "--log", log)
	}
	s.Stop()
	s.Run("verify")
	blobs := filepath.Join(s.Dir, "blobs")
	files, err := filepath.Glob(filepath.Join(blobs, "*.seg"))
	if err != nil || len(files) < 6 || refused == 0 {
		t.Fatalf("%d segments, %d appends refused: %v", len(files), refused, err)
	}
	for log, want := range wants {
		same(t, log, read(t, blobs, log), want)
	}
}

// TestReaderChecks sees the reader find a flipped bit.
func TestReaderChecks(t *testing.T) {
	s := server.New(t, server.Dir(t), nil)
	s.Start()
	dial(t, s).appends(0, 3)
	s.Stop()
	s.Start()
	s.Stop()
	file := filepath.Join(s.Dir, "blobs", "0000000000000001.seg")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[bytes.Index(content, []byte(`"life":0`))] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "reader.py", filepath.Dir(file), "main").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("reader.py: file 1 ends at")) {
		t.Errorf("a flipped bit: %v: %s", err, out)
	}
}
