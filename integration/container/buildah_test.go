//go:build linux

package container

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// buildah is a store of images of its own.
type buildah struct {
	t   *testing.T
	dir string
}

func newBuildah(t *testing.T) *buildah {
	t.Helper()
	if _, err := exec.LookPath("buildah"); err != nil {
		t.Fatal("buildah is missing: run integration/scripts/install")
	}
	if os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("images are built by root: run CI as root")
		}
		t.Skip("not proven here: images are built by root")
	}
	b := &buildah{t, server.Dir(t)}
	t.Cleanup(func() {
		exec.Command("buildah", b.args("rm", "--all")...).Run() // what is mounted
	})
	return b
}

func (b *buildah) args(args ...string) []string {
	return append([]string{"--root", filepath.Join(b.dir, "root"), "--runroot", filepath.Join(b.dir, "run"), "--storage-driver", "vfs"}, args...)
}

// do runs a command of buildah's that must succeed, and returns what it says.
func (b *buildah) do(args ...string) string {
	b.t.Helper()
	out, code, said := b.try(args...)
	if code != 0 {
		b.t.Fatalf("buildah %s: exit code %d: %s", strings.Join(args, " "), code, said)
	}
	return out
}

// try runs a command of buildah's.
func (b *buildah) try(args ...string) (out string, code int, said string) {
	b.t.Helper()
	cmd := exec.Command("buildah", b.args(args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(stdout.String()), cmd.ProcessState.ExitCode(), stderr.String()
}

const base, image = "localhost/go", "localhost/ringlog"

// library is how ldd names one.
var library = regexp.MustCompile(`/\S+\.so\S*`)

// makeBase makes an image that has what the build stage needs of golang's: a shell. Go itself, its
// modules and its cache are this machine's, mounted by build.
func (b *buildah) makeBase() {
	b.t.Helper()
	programs := []string{"/bin/sh", "/bin/mkdir"}
	libraries, err := exec.Command("ldd", programs...).Output()
	if err != nil {
		b.t.Fatal(err)
	}
	working := b.do("from", "scratch")
	for _, file := range append(programs, library.FindAllString(string(libraries), -1)...) {
		b.do("copy", working, file, file)
	}
	b.do("copy", working, b.t.TempDir(), "/tmp")
	b.do("config", "--env", "PATH=/usr/local/go/bin:/bin", "--env", "GOPROXY=off", "--env", "GOTOOLCHAIN=local",
		"--env", "GOMODCACHE=/mod", "--env", "GOCACHE=/cache", working)
	b.do("commit", working, base)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// build makes the image of the Dockerfile.
func (b *buildah) build(version string) {
	b.t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		b.t.Fatal(err)
	}
	download := exec.Command("go", "mod", "download") // what the machine's tests haven't needed yet
	download.Dir = root
	if out, err := download.CombinedOutput(); err != nil {
		b.t.Fatalf("%v: %s", err, out)
	}
	b.makeBase()
	b.do("bud", "--isolation", "chroot", "--format", "docker", "--layers=false",
		"--volume", goEnv(b.t, "GOROOT")+":/usr/local/go:ro", "--volume", goEnv(b.t, "GOMODCACHE")+":/mod",
		"--volume", goEnv(b.t, "GOCACHE")+":/cache", "--build-arg", "GO_IMAGE="+base, "--build-arg", "VERSION="+version,
		"--tag", image, root)
}

// inside is the command line that runs one in a container, with variables X=V before --.
func inside(container string, command ...string) []string {
	line := []string{"run", "--isolation", "chroot"}
	for len(command) > 0 && strings.Contains(command[0], "=") {
		line, command = append(line, "--env", command[0]), command[1:]
	}
	return append(append(line, container, "--"), command...)
}

// pidOf finds the process that was started with a variable in its environment.
func pidOf(t *testing.T, name, variable string) int {
	t.Helper()
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range commands {
		command, _ := os.ReadFile(file)
		env, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "environ"))
		if string(command) == name+"\x00" && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+variable+"\x00")) {
			var pid int
			fmt.Sscanf(file, "/proc/%d/", &pid)
			return pid
		}
	}
	t.Fatalf("no process %s with %s", name, variable)
	return 0
}
