package prometheus

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// promtool is where scripts/install puts it, or the one on the PATH.
func promtool(t *testing.T, in io.Reader, args ...string) (said string, err error) {
	t.Helper()
	tool, err := filepath.Abs(filepath.Join("..", "..", ".cache", "bin", "promtool"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tool); err != nil {
		if tool, err = exec.LookPath("promtool"); err != nil {
			t.Fatalf("%v: run integration/scripts/install", err)
		}
	}
	cmd := exec.Command(tool, args...)
	cmd.Stdin = in
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func doc(name string) string { return filepath.Join("..", "..", "docs", name) }

func TestAlerts(t *testing.T) {
	for _, args := range [][]string{{"check", "rules", doc("alerts.yml")}, {"test", "rules", doc("alerts_test.yml")}} {
		if said, err := promtool(t, nil, args...); err != nil {
			t.Errorf("%v: %s", err, said)
		}
	}
}

// An alert that doesn't come has to be noticed by the test above.
func TestAlertsThatDoNotComeAreNoticed(t *testing.T) {
	dir := t.TempDir()
	for name, edit := range map[string]*strings.Replacer{
		"alerts.yml":      strings.NewReplacer("ringlog_damaged_pieces > 0", "ringlog_damaged_pieces > 1"),
		"alerts_test.yml": strings.NewReplacer(),
	} {
		text, err := os.ReadFile(doc(name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(edit.Replace(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := promtool(t, nil, "test", "rules", filepath.Join(dir, "alerts_test.yml")); err == nil {
		t.Error(said)
	}
}

// What a fresh server tells is what Prometheus wants to read.
func TestExposition(t *testing.T) {
	s := server.New(t, server.Dir(t), nil)
	s.Start()
	answer, err := http.Get("http://" + s.Addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, err := promtool(t, answer.Body, "check", "metrics"); err != nil || strings.Contains(said, "ringlog_") {
		t.Errorf("%v: %s", err, said)
	}
	s.Stop()
}

// dashboard is what of Grafana's format asks Prometheus.
type dashboard struct {
	Title  string
	Panels []struct {
		ID      int
		Title   string
		Targets []struct{ Expr string }
	}
}

// Every expression of the dashboard is one, with Grafana's variables filled in.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(doc("grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	type group struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	filled := strings.NewReplacer("$__rate_interval", "1m", "$instance", "a", "$job", "ringlog")
	g, seen := group{Name: "dashboard"}, map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] {
			t.Errorf("two panels have the number %d", p.ID)
		}
		seen[p.ID] = true
		for _, target := range p.Targets {
			g.Rules = append(g.Rules, rule{"panel:" + strings.Repeat("x", len(g.Rules)+1), filled.Replace(target.Expr)})
		}
	}
	if len(g.Rules) < 30 {
		t.Errorf("only %d expressions", len(g.Rules))
	}
	rules, err := json.Marshal(map[string][]group{"groups": {g}}) // which is YAML, too
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, rules, 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := promtool(t, nil, "check", "rules", file); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}
