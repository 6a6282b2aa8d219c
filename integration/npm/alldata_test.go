//go:build unix

package npm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// eachAllData runs a test against AllData's form as Node sends it, and against the npm modules themselves where
// somebody has them: npm's registry had not.
func eachAllData(t *testing.T, run func(t *testing.T, modules string)) {
	t.Run("form", func(t *testing.T) { run(t, "") })
	t.Run("modules", func(t *testing.T) {
		modules := os.Getenv("ALLDATA_MODULES")
		if modules == "" {
			t.Skip("not proven here: 1, AllData's own modules; ALLDATA_MODULES names a folder in whose node_modules" +
				" alldata-peer-client-http and alldata-peer-server-http are")
		}
		run(t, modules)
	})
}

// node is a script that is talked to in lines of JSON.
type node struct {
	t      *testing.T
	stdin  io.WriteCloser
	stdout *bufio.Scanner
}

func startNode(t *testing.T, script, modules, port string) *node {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // guards against hanging
	cmd := exec.CommandContext(ctx, "node", filepath.Join("alldata", script))
	cmd.Env = append(os.Environ(), "ALLDATA_MODULES="+modules, "PORT="+port)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
		cancel()
	})
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	return &node{t: t, stdin: stdin, stdout: lines}
}

func (n *node) say(line any) {
	n.t.Helper()
	text, err := json.Marshal(line)
	if err != nil {
		n.t.Fatal(err)
	}
	if _, err := n.stdin.Write(append(text, '\n')); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) hear(line any) {
	n.t.Helper()
	if !n.stdout.Scan() {
		n.t.Fatalf("the script has ended: %v", n.stdout.Err())
	}
	if err := json.Unmarshal(n.stdout.Bytes(), line); err != nil {
		n.t.Fatalf("%s: %v", n.stdout.Bytes(), err)
	}
}

// events are AllData's, as JSON.stringify would write them.
var events = []struct{ key, event string }{
	{"1384743600000-0-a", `{"customer":1,"action":"site visit"}`},
	{"", `{}`},
	{"grün \u2028 \"quoted\" \U0001f600", "{\"text\":\"grün \u2028 \\\"quoted\\\" \\u0000\",\"deep\":[[[null,true,1.5]]]}"},
	{"long", `{"pad":"` + strings.Repeat("x", 500000) + `"}`},
	{"not an object", `[1,"2",null]`},
}

// TestAllDataClient: AllData's client puts to our handler.
func TestAllDataClient(t *testing.T) {
	eachAllData(t, func(t *testing.T, modules string) {
		var mu sync.Mutex
		stored := map[string]string{} // guarded by mu
		server, err := peer.ListenPut("127.0.0.1:0", func(_ context.Context, key string, event []byte) error {
			mu.Lock()
			defer mu.Unlock()
			switch key {
			case "refuse":
				return fmt.Errorf("%w: not this key", peer.ErrRefused)
			case "fail":
				return errors.New("broken")
			}
			stored[key] = string(event)
			return nil
		}, peer.PutOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := server.Close(); err != nil {
				t.Error(err)
			}
		}()
		_, port, _ := net.SplitHostPort(server.Addr().String())
		client := startNode(t, "client.js", modules, port)
		put := func(line any) string {
			client.say(line)
			var said struct{ Error *string }
			if client.hear(&said); said.Error == nil {
				return ""
			}
			return "error: " + *said.Error
		}
		for i, e := range events {
			line := map[string]any{"key": e.key, "event": json.RawMessage(e.event)}
			if i%2 == 1 {
				line["path"] = "/_put"
			}
			if said := put(line); said != "" {
				t.Errorf("%q: %s", e.key, said)
			}
			mu.Lock()
			if stored[e.key] != e.event {
				t.Errorf("%q: %.200s, want %.200s", e.key, stored[e.key], e.event)
			}
			mu.Unlock()
		}
		for key, want := range map[string]string{"refuse": "not this key", "fail": "may be stored or not"} {
			if said := put(map[string]any{"key": key, "event": 1}); !strings.HasPrefix(said, "error: ") || !strings.Contains(said, want) {
				t.Errorf("%s: %q", key, said)
			}
		}
		if said := put(map[string]any{"key": "without an event"}); !strings.Contains(said, "missing") {
			t.Errorf("without an event: %q", said)
		}
	})
}

// TestAllDataServer: our client puts to AllData's server.
func TestAllDataServer(t *testing.T) {
	eachAllData(t, func(t *testing.T, modules string) {
		port := freePort(t)
		server := startNode(t, "server.js", modules, port)
		var up struct{ Listening bool }
		if server.hear(&up); !up.Listening {
			t.Fatal("it does not listen")
		}
		client, err := peer.NewPutClient("127.0.0.1:"+port, peer.ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		type put struct {
			Key   string
			Event json.RawMessage
		}
		for _, e := range events {
			if err := client.Put(t.Context(), e.key, []byte(e.event)); err != nil {
				t.Errorf("%q: %v", e.key, err)
			}
			var got put
			if server.hear(&got); got.Key != e.key || !sameJSON(t, got.Event, []byte(e.event)) {
				t.Errorf("%q %.200s came as %q %.200s", e.key, e.event, got.Key, got.Event)
			}
		}
		if err := client.Put(t.Context(), "fail", []byte("1")); !errors.Is(err, peer.ErrUnknown) {
			t.Errorf("fail: %v", err)
		}
		if err := client.Put(t.Context(), "throw", []byte("1")); !errors.Is(err, peer.ErrRefused) {
			t.Errorf("throw: %v", err)
		}
	})
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}
