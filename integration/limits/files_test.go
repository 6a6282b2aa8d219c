//go:build linux

package limits

import (
	"bufio"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

// TestFilesAreKeptBack: with as many connections as the limit of open files allows, and more that try,
// those that are served can do everything: segments are begun, and old ones read.
func TestFilesAreKeptBack(t *testing.T) {
	s := server.New(t, server.Dir(t), map[string]string{"SEGMENT": "64KiB"})
	s.Prefix = []string{"prlimit", "--nofile=200:200"}
	s.Start()
	k := dial(t, s.Addr)
	crowd := &crowd{t: t, address: s.Addr}
	crowd.add(400, nil)
	for range 150 { // each begins a segment
		k.appended(`["` + strings.Repeat("x", 60_000) + `"]`)
	}
	if n := k.history(); n != 150 {
		t.Errorf("%d entries", n)
	}
	crowd.leave()
	waitFor(t, "others to be served again", func() bool { return served(s.Addr) })
	s.Stop()
}

// TestOutOfFiles takes the last file descriptor away from a running server: accepting and appends that begin
// a segment wait for better times, everything else goes on, and when they come so does it.
func TestOutOfFiles(t *testing.T) {
	s := server.New(t, server.Dir(t), map[string]string{"SEGMENT": "64KiB"})
	s.Start()
	k, tail := dial(t, s.Addr), dial(t, s.Addr)
	tail.send(`{"from":1}`)
	if a := tail.receive(); !a.Current {
		t.Fatalf("%+v", a)
	}
	limit := func(files int) {
		t.Helper()
		out, err := exec.Command("prlimit", "--pid", strconv.Itoa(s.PID()), fmt.Sprintf("--nofile=%d:", files)).CombinedOutput()
		if err != nil {
			notProven(t, "prlimit: %v: %s", err, out)
		}
	}
	entry := `["` + strings.Repeat("x", 30_000) + `"]`
	last := k.appended(entry)
	tail.receive()
	for range 3 {
		limit(look(t, s.PID()).files) // none is free
		waiting, err := net.DialTimeout("tcp", s.Addr, server.Patience)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(waiting, `{"id":"w","head":true}`)
		refused := false
		for !refused {
			switch a := k.append(entry); {
			case a.Error == "overloaded":
				refused = true
			case a.Index == last+1:
				last++
				if a := tail.receive(); a.Index != last {
					t.Fatalf("the tail is at %+v, want %d", a, last)
				}
			default:
				t.Fatalf("%+v after %d", a, last)
			}
		}
		k.send(`{"id":"h","head":true}`)
		if a := k.receive(); a.Head == nil || *a.Head != last {
			t.Fatalf("%+v, want head %d", a, last)
		}
		limit(1000)
		_ = waiting.SetReadDeadline(time.Now().Add(server.Patience))
		if line, err := bufio.NewReader(waiting).ReadString('\n'); err != nil || !strings.Contains(line, `"head":`) {
			t.Fatalf("who waited to be accepted got %q, %v", line, err)
		}
		_ = waiting.Close()
		if last++; k.appended(entry) != last {
			t.Fatalf("want entry %d", last)
		}
		tail.receive()
	}
	if n := k.history(); n != last {
		t.Errorf("%d entries, want %d", n, last)
	}
	s.Stop()
	s.Run("verify")
}

// served tells whether a new connection is.
func served(address string) bool {
	conn, err := net.DialTimeout("tcp", address, server.Patience)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(server.Patience))
	fmt.Fprintln(conn, `{"head":true}`)
	line, err := bufio.NewReader(conn).ReadString('\n')
	return err == nil && strings.Contains(line, `"head":`)
}
