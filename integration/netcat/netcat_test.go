package netcat

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

func start(t *testing.T) (s *server.Server, host, port string) {
	t.Helper()
	if _, err := exec.LookPath("nc.openbsd"); err != nil {
		t.Fatalf("%v: run integration/scripts/install", err)
	}
	s = server.New(t, server.Dir(t), nil)
	s.Start()
	host, port, _ = strings.Cut(s.Addr, ":")
	return s, host, port
}

// shell runs a command line, which must end by itself.
func shell(t *testing.T, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), server.Patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return string(out)
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// With -N, nc shuts its sending side down at the end of its input; the server answers everything,
// lets the read end at the head, and closes.
func TestHalfClose(t *testing.T) {
	s, host, port := start(t)
	nc := "nc.openbsd -N " + host + " " + port
	want(t, shell(t, `printf '{"id":"a","entry":{"n":1}}\n{"id":"b","entry": [ 2 ]}\n' | `+nc),
		"{\"id\":\"a\",\"index\":1}\n{\"id\":\"b\",\"index\":2}\n")
	want(t, shell(t, `printf '{"from":1}\n' | `+nc),
		"{\"index\":1,\"entry\":{\"n\":1}}\n{\"index\":2,\"entry\":[2]}\n{\"current\":true}\n")
	want(t, shell(t, `printf '{"from":1}\n' | `+nc+` | jq -c 'select(.index) | .entry'`), "{\"n\":1}\n[2]\n")
	want(t, shell(t, `printf '{"from":1,"read":1}\n' | `+nc), "{\"index\":1,\"entry\":{\"n\":1}}\n{\"head\":2}\n")
	s.Stop()
	s.Run("verify")
}

// A last line without its newline is half a line: discarded.
func TestHalfALineIsDiscarded(t *testing.T) {
	s, host, port := start(t)
	want(t, shell(t, `printf '{"id":"a","entry":{}}\n{"id":"b","entry":{}}' | nc.openbsd -N `+host+" "+port), "{\"id\":\"a\",\"index\":1}\n")
	s.Stop()
	s.Run("verify")
}

// Without -N, nc keeps the connection after the end of its input: the read goes on live, until nc is
// told to give up (-q, -w) or is killed.
func TestLive(t *testing.T) {
	s, host, port := start(t)
	live := exec.CommandContext(t.Context(), "nc.openbsd", host, port)
	in, err := live.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := live.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := live.Start(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(in, "{\"from\":1}\n")
	in.Close()
	lines := bufio.NewReader(out)
	next := func() string {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return line
	}
	want(t, next(), "{\"current\":true}\n")
	want(t, shell(t, `printf '{"id":"a","entry":{"x":"y"}}\n' | nc.openbsd -q 1 `+host+" "+port), "{\"id\":\"a\",\"index\":1}\n")
	want(t, next(), "{\"index\":1,\"entry\":{\"x\":\"y\"}}\n")
	live.Process.Kill()
	live.Wait()
	s.Stop()
	s.Run("verify")
}
