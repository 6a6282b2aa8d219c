//go:build unix

package netcat

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// flavour is a section of docs/NETCAT.md: its lines, by what they are for.
type flavour struct {
	name  string
	lines map[string]string
}

// binaries is what the command nc of a section is here.
var binaries = map[string]string{"OpenBSD": "nc.openbsd", "Traditional": "nc.traditional"}

var section = regexp.MustCompile("(?s)\n## ([^\n]+)\n[^#]*?```sh\n(.*?)```\n")

// flavours reads docs/NETCAT.md.
func flavours(t *testing.T) (all []flavour) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "NETCAT.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range section.FindAllStringSubmatch(string(text), -1) {
		f := flavour{match[1], map[string]string{}}
		lines := strings.Split(strings.TrimSpace(match[2]), "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			f.lines[strings.TrimPrefix(lines[i], "# ")] = lines[i+1]
		}
		all = append(all, f)
	}
	return all
}

// typed is a line as it is typed for a server at port.
func typed(line, port string) string {
	return strings.NewReplacer("localhost 8089", "localhost "+port, "localhost:8089", "localhost:"+port, "localhost/8089", "localhost/"+port).Replace(line)
}

// path is a PATH on which nc is the flavour's.
func (f *flavour) path(t *testing.T) string {
	t.Helper()
	name := binaries[f.name]
	if name == "" {
		return os.Getenv("PATH")
	}
	binary, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: run integration/scripts/install", err)
	}
	dir := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(dir, "nc")); err != nil {
		t.Fatal(err)
	}
	return dir + ":" + os.Getenv("PATH")
}

func TestFlavours(t *testing.T) {
	all := flavours(t)
	if len(all) != 6 {
		t.Fatalf("%d sections of docs/NETCAT.md have lines, want 6", len(all))
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			s := server.New(t, server.Dir(t), nil)
			s.Start()
			_, port, _ := strings.Cut(s.Addr, ":")
			p := person{t, f.path(t), port}
			want(t, p.types(f.lines["append"]), "{\"id\":\"1\",\"index\":1}\n")
			if f.lines["read"] != "" {
				p.readsAndFollows(&f)
				p.appendsMuch(&f, s.Dir)
			}
			s.Stop()
			s.Run("verify")
		})
	}
}

// person types lines into a shell.
type person struct {
	t          *testing.T
	path, port string
}

func (p *person) command(ctx context.Context, line string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", typed(line, p.port))
	cmd.Env = append(os.Environ(), "PATH="+p.path)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}

// types returns what a line prints, which must end by itself and well.
func (p *person) types(line string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), server.Patience)
	defer cancel()
	out, err := p.command(ctx, line).Output()
	if err != nil {
		p.t.Fatalf("%s: %v, after %.200s", line, err, out)
	}
	return string(out)
}

const first = "{\"index\":1,\"entry\":{\"hello\":\"world\"}}\n"

func (p *person) readsAndFollows(f *flavour) {
	p.t.Helper()
	want(p.t, p.types(f.lines["read"]), first+"{\"current\":true}\n")
	ctx, cancel := context.WithTimeout(p.t.Context(), server.Patience)
	follow := p.command(ctx, f.lines["follow"])
	out, err := follow.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		p.t.Fatal(err)
	}
	defer func() {
		cancel()
		follow.Wait()
	}()
	lines := bufio.NewReader(out)
	for i, line := range []string{first, "{\"current\":true}\n", "", strings.Replace(first, "1", "2", 1)} {
		if i == 2 { // it goes on, though its input has ended
			want(p.t, p.types(f.lines["append"]), "{\"id\":\"1\",\"index\":2}\n")
			continue
		}
		got, err := lines.ReadString('\n')
		if err != nil {
			p.t.Fatal(err)
		}
		want(p.t, got, line)
	}
}

// appendsMuch sends a file in place of one line: every answer comes.
func (p *person) appendsMuch(f *flavour, dir string) {
	p.t.Helper()
	const many = 2000
	var text strings.Builder
	for i := range many {
		fmt.Fprintf(&text, "{\"id\":\"%d\",\"entry\":[%d]}\n", i, i)
	}
	file := filepath.Join(dir, "events.ndjson")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	_, netcat, ok := strings.Cut(f.lines["append"], " | ")
	if !ok {
		p.t.Fatalf("no | in %s", f.lines["append"])
	}
	answers := strings.Split(strings.TrimSpace(p.types("cat "+file+" | "+netcat)), "\n")
	if last := fmt.Sprintf(`{"id":"%d","index":%d}`, many-1, many+2); len(answers) != many || answers[many-1] != last {
		p.t.Errorf("%d answers, the last %s", len(answers), answers[len(answers)-1])
	}
}
