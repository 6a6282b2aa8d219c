//go:build linux

package systemd

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// installed is where the unit file looks for the binary.
const installed = "/usr/local/bin/ringlog"

func TestUnitsAreUnderstood(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ringlog.service", "ringlog.socket"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.ReplaceAll(text, []byte("ExecStart="+installed), []byte("ExecStart="+server.Binary(t)))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("systemd-analyze", "verify", filepath.Join(dir, name)).CombinedOutput()
		if err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// A setting that is none has to be noticed by the test above.
func TestAMisspelledUnitIsNotUnderstood(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ringlog.service")
	if err := os.WriteFile(file, []byte("[Service]\nType=notify\nExecStart=/bin/true\nWatchDogSec=30\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := exec.Command("systemd-analyze", "verify", file).CombinedOutput(); len(out) == 0 {
		t.Error("nothing is said")
	}
}

// systemd listens; whoever connects first has the server started, and is served.
func TestSocketActivation(t *testing.T) {
	dir := server.Dir(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	cmd := exec.Command("systemd-socket-activate", "--listen="+address, "--setenv=NOTIFY_SOCKET="+manager.LocalAddr().String(),
		"--setenv=BLOBS="+filepath.Join(dir, "blobs"), "--setenv=DB="+filepath.Join(dir, "db"), server.Binary(t))
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	conn := dial(t, address)
	defer conn.Close()
	fmt.Fprintln(conn, `{"id":"a","entry":{}}`)
	if got, err := bufio.NewReader(conn).ReadString('\n'); got != "{\"id\":\"a\",\"index\":1}\n" {
		t.Fatalf("got %q (%v): %s", got, err, said.String())
	}
	message := make([]byte, 4096)
	n, err := manager.Read(message)
	if want := "READY=1\nSTATUS=serving " + address; string(message[:n]) != want {
		t.Errorf("got %q (%v), want %q", message[:n], err, want)
	}
	cmd.Process.Signal(syscall.SIGTERM) // it has become the server
	if err := cmd.Wait(); err != nil {
		t.Errorf("an ordered stop: %v: %s", err, said.String())
	}
}

// dial waits until somebody listens.
func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	for end := time.Now().Add(server.Patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.SetDeadline(time.Now().Add(server.Patience))
			return conn
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
