//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The lock of the index is taken, for which a start waits for a while: time enough to ask how things are.
func TestHealthIsToldWhileTheServerStarts(t *testing.T) {
	dir := t.TempDir()
	held, err := os.OpenFile(filepath.Join(dir, "db"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for range 20 { // a slow machine may be late once
		if startsAndTells(t, dir) {
			return
		}
	}
	t.Error("nobody told that the log is being opened")
}

// startsAndTells starts a server that can't open its index, and reports whether it told so.
func startsAndTells(t *testing.T, dir string) bool {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	_, port, _ := net.SplitHostPort(address)
	server := exec.Command("ringlog")
	server.Env = append(os.Environ(), "PORT="+port, "BLOBS="+filepath.Join(dir, "blobs"), "DB="+filepath.Join(dir, "db"))
	var said bytes.Buffer
	server.Stderr = &said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Wait()
	}()
	defer func() {
		server.Process.Kill()
		<-ended
	}()
	for {
		select {
		case <-ended: // it has given up
			return false
		default:
		}
		asks := &prober{addr: address, scheme: "http://"}
		_, err := asks.ask(t.Context(), "/readyz")
		if err == nil {
			t.Fatal("it is ready")
		}
		if exitCode(err) == exitConnect {
			continue
		}
		alive, errLive := asks.ask(t.Context(), "/livez")
		if exitCode(err) != exitFailure || !strings.Contains(err.Error(), "not ready: the log is being opened, 0 %") {
			t.Error(err)
		}
		return errLive == nil && alive == "alive\n"
	}
}
