//go:build linux

package container

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// settings is what an image says about how it is run.
type settings struct {
	User                   string
	ExposedPorts, Volumes  map[string]struct{}
	Env, Cmd, Entrypoint   []string
	WorkingDir, StopSignal string
	Healthcheck            struct{ Test []string }
}

func TestTheImage(t *testing.T) {
	b := newBuildah(t)
	b.build("v9.8.7")
	b.checkSettings()
	working := b.do("from", image)
	b.checkFiles(working)

	if out := b.do(inside(working, "/ringlog", "version")...); !strings.HasPrefix(out, "ringlog v9.8.7 ") {
		t.Errorf("it says %s", out)
	}
	if out, code, said := b.try(inside(working, "/ringlog")...); code != 78 || !strings.Contains(out+said, "or INSECURE=true") {
		t.Errorf("exposed without a word: exit code %d, %s%s", code, out, said)
	}
	c := b.start(working)
	c.talks(`{"id":"a","entry":{"n":1}}`, `{"id":"a","index":1}`)
	if out := b.do(inside(working, "PORT="+c.port, "/ringlog", "health")...); out != "ready" {
		t.Errorf("health says %q", out)
	}
	c.checkOwner()
	c.stop()
	if _, code, _ := b.try(inside(working, "PORT="+c.port, "/ringlog", "health")...); code == 0 {
		t.Error("a server that is gone is healthy")
	}
	c = b.start(working) // the data is in the volume
	c.talks(`{"head":true}`, `{"head":1}`)
	c.stop()
}

func (b *buildah) checkSettings() {
	b.t.Helper()
	var inspected struct {
		Docker struct {
			Config settings `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(b.do("inspect", "--type", "image", image)), &inspected); err != nil {
		b.t.Fatal(err)
	}
	want := settings{
		User: "65532:65532", ExposedPorts: map[string]struct{}{"8089/tcp": {}}, Volumes: map[string]struct{}{"/data": {}},
		Cmd: []string{}, Entrypoint: []string{"/ringlog"}, WorkingDir: "/data", StopSignal: "SIGTERM",
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOST=0.0.0.0"},
	}
	want.Healthcheck.Test = []string{"CMD", "/ringlog", "health"}
	if got := inspected.Docker.Config; !reflect.DeepEqual(got, want) {
		b.t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// checkFiles wants one static binary, and a directory for the data.
func (b *buildah) checkFiles(working string) {
	b.t.Helper()
	root := b.do("mount", working)
	defer b.do("unmount", working)
	binary, err := elf.Open(filepath.Join(root, "ringlog"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer binary.Close()
	if libraries, err := binary.ImportedLibraries(); len(libraries) > 0 || err != nil {
		b.t.Errorf("not static: %v, %v", libraries, err)
	}
	info, err := os.Stat(filepath.Join(root, "data"))
	if err != nil {
		b.t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 65532 || owner.Gid != 65532 {
		b.t.Errorf("the data would belong to %d:%d", owner.Uid, owner.Gid)
	}
	files := 0
	filepath.WalkDir(root, func(_ string, d os.DirEntry, _ error) error {
		if d.Type().IsRegular() {
			files++
		}
		return nil
	})
	if files != 1 {
		b.t.Errorf("%d files", files)
	}
}

// contained is a server in a container.
type contained struct {
	t    *testing.T
	cmd  *exec.Cmd
	port string
	pid  int
}

// start runs the image's entrypoint as README.md does; the network is this machine's, so the port is another one.
func (b *buildah) start(working string) *contained {
	b.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	c := &contained{t: b.t}
	_, c.port, _ = net.SplitHostPort(free.Addr().String())
	free.Close()
	c.cmd = exec.Command("buildah", b.args(inside(working, "INSECURE=true", "PORT="+c.port, "/ringlog")...)...)
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { c.cmd.Process.Kill() })
	lines, said := bufio.NewScanner(out), ""
	for lines.Scan() {
		said += lines.Text() + "\n"
		if strings.Contains(lines.Text(), `"message":"serving"`) {
			go io.Copy(io.Discard, out)
			c.pid = pidOf(b.t, "/ringlog", "PORT="+c.port)
			return c
		}
	}
	b.t.Fatalf("it does not serve: %s", said)
	return nil
}

func (c *contained) talks(line, want string) {
	c.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+c.port)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(server.Patience))
	fmt.Fprintln(conn, line)
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != want+"\n" {
		c.t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

// checkOwner wants the process to be nobody special.
func (c *contained) checkOwner() {
	c.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		c.t.Fatal(err)
	}
	for _, want := range []string{"\nUid:\t65532\t65532\t65532\t65532\n", "\nGid:\t65532\t65532\t65532\t65532\n", "\nCapEff:\t0000000000000000\n"} {
		if !strings.Contains(string(status), want) {
			c.t.Errorf("no %q in %s", want, status)
		}
	}
}

// stop does what `docker stop` does.
func (c *contained) stop() {
	c.t.Helper()
	if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("an ordered stop: %v", err)
	}
}
