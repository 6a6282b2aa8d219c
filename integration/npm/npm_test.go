//go:build unix

package npm

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// TestClients runs clients.test.js against tcp-log-client 4 (which expects an echo), 5 and 6.
func TestClients(t *testing.T) { runTests(t, "clients.test.js") }

// TestClientsOfACluster runs cluster.test.js likewise.
func TestClientsOfACluster(t *testing.T) { runTests(t, "cluster.test.js") }

func runTests(t *testing.T, file string) {
	t.Helper()
	for version, echo := range map[string]string{"4": "true", "5": "false", "6": "false"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("node", "--test", file)
			cmd.Env = append(os.Environ(), "RINGLOG_BIN="+server.Binary(t), "ECHO="+echo,
				"MODULES="+installed(t, "client"+version))
			out, err := output(cmd)
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%s", summary(out))
		})
	}
}

// output runs node in a process group of its own, so that no server outlives it.
func output(cmd *exec.Cmd) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is none left
	return out.Bytes(), err
}

// installed is where scripts/install put the packages of a folder here.
func installed(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", ".cache", "npm", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("%v: run integration/scripts/install", err)
	}
	return dir
}

// summary keeps the closing counts of node's test runner.
func summary(out []byte) string {
	var kept []string
	for line := range strings.Lines(string(out)) {
		for _, word := range []string{"# tests", "# pass", "# fail", "ℹ tests", "ℹ pass", "ℹ fail"} {
			if strings.HasPrefix(line, word) {
				kept = append(kept, strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(kept, ", ")
}

// TestPeerSuite runs the test suite of tcp-log-server 6.0.2, as it is in its npm package, with
// handler.js in place of the server's own handler.
func TestPeerSuite(t *testing.T) {
	modules := installed(t, "peer")
	dir, err := os.MkdirTemp(modules, "suite-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	copyFile(t, filepath.Join(modules, "node_modules", "tcp-log-server", "test.js"), filepath.Join(dir, "test.js"))
	copyFile(t, filepath.Join("peer", "handler.js"), filepath.Join(dir, "index.js"))
	cmd := exec.Command("node", "test.js")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RINGLOG_BIN="+server.Binary(t))
	out, _ := output(cmd) // not 0 when a test failed: TAP says which
	failed, passed := failures(string(out))
	if len(failed) > 0 || passed < 15 {
		t.Errorf("%d passed, failed: %q\n%s", passed, failed, out)
	}
	t.Logf("%d assertions passed", passed)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// failures reads TAP. The suite's 'duplicate read' wants the error of the second read before the
// `current` of the first; here either order is right.
func failures(tap string) (failed []string, passed int) {
	for _, section := range strings.Split("\n"+tap, "\n# ")[1:] {
		name, body, _ := strings.Cut(section, "\n")
		passed += strings.Count("\n"+body, "\nok ")
		bad := strings.Count("\n"+body, "\nnot ok ")
		switch {
		case bad == 0:
		case bad == 1 && name == "duplicate read" && eitherOrder(body):
			passed++
		default:
			failed = append(failed, name)
		}
	}
	if !strings.Contains(tap, "\n# tests ") {
		failed = append(failed, "the suite did not come to its end")
	}
	return failed, passed
}

func eitherOrder(body string) bool {
	_, actual, ok := strings.Cut(body, "actual:")
	actual, _, _ = strings.Cut(actual, "\n    at:")
	flat := strings.Join(strings.Fields(actual), " ")
	return ok && strings.Contains(flat, "[ { current: true }, { error: 'already reading' } ]")
}

func TestFailuresAreRead(t *testing.T) {
	const good = "TAP version 13\n# confirms writes\nok 1 should be equivalent\n# two clients\nok 2 a\nok 3 b\n\n1..3\n# tests 3\n# pass  3\n"
	swapped := strings.Replace(good, "# two clients\n", "# duplicate read\nnot ok 9 x\n  ---\n    expected: |-\n      [ { error: 'already reading' }, { current: true } ]\n    actual: |-\n      [ { current: true }, { error: 'already reading' } ]\n    at: x\n  ...\n# two clients\n", 1)
	for _, c := range []struct {
		name, tap      string
		failed, passed int
	}{
		{"good", good, 0, 3},
		{"swapped duplicate read", swapped, 0, 4},
		{"another failure", strings.Replace(good, "ok 2", "not ok 2", 1), 1, 2},
		{"duplicate read without an error", strings.Replace(swapped, "[ { current: true }, { error: 'already reading' } ]", "[ { current: true } ]", 1), 1, 3},
		{"broken off", strings.Split(good, "\n1..3")[0], 1, 3},
	} {
		if failed, passed := failures(c.tap); len(failed) != c.failed || passed != c.passed {
			t.Errorf("%s: failed %q, %d passed", c.name, failed, passed)
		}
	}
}
