//go:build unix

package npm

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// TestImport imports what tcp-log-server 6, 9 and 10 have written, from the data of a killed server, and
// compares it with what that server said it had. Version 11 is not in npm's registry; its list of entries
// is made of the data of 10.
func TestImport(t *testing.T) {
	for _, version := range []string{"6", "9", "10"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := server.New(t, server.Dir(t), nil)
			s.Start()
			data := filepath.Join(s.Dir, "theirs")
			if err := os.Mkdir(data, 0o700); err != nil {
				t.Fatal(err)
			}
			level, blobs := filepath.Join(data, "leveldb"), filepath.Join(data, "blobs")
			theirs := fill(t, installed(t, "server"+version), level, blobs)
			s.Run("import", "tcp-log-server", "--leveldb", level, "--blobs", blobs)
			sameEntries(t, s.Run("export"), theirs)
			// Again: everything is there.
			if out := s.Run("import", "tcp-log-server", "--leveldb", level, "--blobs", blobs); !bytes.HasPrefix(out, []byte("0 imported to main, ")) {
				t.Errorf("%s", out)
			}
			if version == "10" {
				list := filepath.Join(data, "list")
				writeList(t, list, s.Run("export"))
				s.Run("import", "tcp-log-server", "--file", list, "--blobs", blobs, "--log", "eleven")
				if !bytes.Equal(s.Run("export", "--log", "eleven"), s.Run("export")) {
					t.Error("the list gives another log")
				}
			}
			s.Stop()
			s.Run("verify")
		})
	}
}

// fill runs a tcp-log-server, appends to it, and returns what it says it has.
func fill(t *testing.T, modules, level, blobs string) []any {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	cmd := exec.Command("node", filepath.Join(modules, "node_modules", "tcp-log-server", "server.js"))
	cmd.Env = append(os.Environ(), "PORT="+port, "LEVELDB="+level, "LEVELDOWN="+level, "BLOBS="+blobs)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // as a crash would end it
		_ = cmd.Wait()
	}()
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), `"listening"`) {
	}
	go func() {
		for lines.Scan() { // so that it is not held up
		}
	}()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return talk(t, conn)
}

const theirEntries = 700 // so that there are indices of one, two and three bytes

// talk appends entries and reads all of them back.
func talk(t *testing.T, conn net.Conn) (entries []any) {
	t.Helper()
	answers := bufio.NewReaderSize(conn, 1<<20)
	for i := range theirEntries {
		fmt.Fprintf(conn, `{"id":"%d","entry":{"n":%d,"text":"é ☃ \ud83d\ude00 \u0000 <&>","b":[1.50,{"z":null,"a":true}],"pad":"%s"}}`+"\n",
			i, i%40, strings.Repeat("x", i%40*50))
		if answer, err := answers.ReadString('\n'); err != nil || !strings.Contains(answer, fmt.Sprintf(`"index":%d`, i+1)) {
			t.Fatalf("%v: %s", err, answer)
		}
	}
	fmt.Fprintf(conn, `{"from":1,"read":%d}`+"\n", theirEntries)
	for len(entries) < theirEntries {
		line, err := answers.ReadBytes('\n')
		if err == nil && string(line) == `{"current":true}`+"\n" {
			continue // it may come early
		}
		var answer struct {
			Index *int // 10 leaves it out when it reads from LevelDB
			Entry any
		}
		if err := errors.Join(err, json.Unmarshal(line, &answer)); err != nil || answer.Index != nil && *answer.Index != len(entries)+1 {
			t.Fatalf("%v: %.200s", err, line)
		}
		entries = append(entries, answer.Entry)
	}
	return entries
}

func sameEntries(t *testing.T, export []byte, want []any) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSuffix(export, []byte("\n")), []byte("\n"))
	if len(lines) != len(want) {
		t.Fatalf("%d entries, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		var entry any
		if err := json.Unmarshal(line, &entry); err != nil || !reflect.DeepEqual(entry, want[i]) {
			t.Fatalf("index %d is %.200s, want %v (%v)", i+1, line, want[i], err)
		}
	}
}

func writeList(t *testing.T, name string, export []byte) {
	t.Helper()
	var list bytes.Buffer
	for line := range bytes.Lines(export) {
		fmt.Fprintf(&list, "%x\n", sha256.Sum256(bytes.TrimSuffix(line, []byte("\n"))))
	}
	if err := os.WriteFile(name, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}
