package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts of testdata/script are conversations with the real binary: `ringlog` runs it, and
//
//	serve [X=V ...]     starts a server in the background; $RINGLOG_ADDR is its address, server.log its log
//	refuse CODE [X=V…]  starts one that must exit with CODE, one line on standard error
//	terminate, crash    ends it in order (it must exit 0), or with KILL
//	dial NAME           opens a connection, the one that is used from here on; on NAME goes back to one
//	> LINE, >- TEXT     sends a line on it; sends text without its LF
//	sends FILE          sends a file as it is
//	< LINE              the next line that comes must be this one; <~ PART ...: must have these parts
//	shut                ends our sending side; closed: the server must have closed the connection
//	exits CODE COMMAND  the command ends with this code
//	lines FILE N        the file (or stdout) has N lines
//	certificates [BAD]  makes ca.pem, cert.pem, key.pem, client.pem and client-key.pem, of a new CA; BAD: expired, crossed
//	dialtls NAME [CLIENT]  is dial in TLS, with client.pem if there is a second word
//	hup                 has the server read files again
//	logged TEXT         waits until the server has logged that, behind what was waited for before
//
// Conditions: [memory] when this run keeps everything in memory.
const patience = 30 * time.Second // for one step; only a hanging server takes it

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ringlog": main})
}

func TestScript(t *testing.T) {
	testdata, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, blobs := range []string{"ringlog.blobs", inMemory} {
		t.Run(filepath.Ext("." + blobs)[1:], func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: filepath.Join("testdata", "script"),
				Setup: func(env *testscript.Env) error {
					env.Setenv("BLOBS", blobs)
					env.Setenv("PORT", "0")
					env.Setenv("TESTDATA", testdata)
					// The race detector would have every process wait a second at its end.
					env.Setenv("GORACE", "atexit_sleep_ms=0")
					env.Values[talkKey{}] = &talk{connections: map[string]*conversation{}}
					env.Defer(func() { env.Values[talkKey{}].(*talk).end() })
					return nil
				},
				Condition: func(condition string) (bool, error) {
					return condition == "memory" && blobs == inMemory, nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"certificates": cmdCertificates, "dialtls": cmdDialTLS, "hup": cmdHUP, "logged": cmdLogged,
					"serve": cmdServe, "refuse": cmdRefuse, "terminate": cmdTerminate, "crash": cmdCrash, "exits": cmdExits,
					"dial": cmdDial, "on": cmdOn, ">": cmdSend, ">-": cmdSendPart, "<": cmdExpect, "<~": cmdExpectPart,
					"shut": cmdShut, "closed": cmdClosed, "sends": cmdSendFile, "lines": cmdLines,
				},
			})
		})
	}
}

// talk is what a script has going on: a server and connections to it.
type talk struct {
	server      *exec.Cmd
	connections map[string]*conversation
	current     *conversation
	logged      int // bytes of the server's log that were looked at
}

type talkKey struct{}

func talkOf(ts *testscript.TestScript) *talk { return ts.Value(talkKey{}).(*talk) }

type conversation struct {
	name string
	net.Conn
	lines *bufio.Reader
}

func (t *talk) end() {
	for _, c := range t.connections {
		c.Close()
	}
	if t.server != nil {
		t.server.Process.Kill()
		t.server.Wait()
	}
}

// command is the binary, run where the script is and with its environment, and args added to that.
func command(ts *testscript.TestScript, env []string) *exec.Cmd {
	binary, err := exec.LookPath("ringlog")
	ts.Check(err)
	cmd := exec.Command(binary)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"BLOBS", "PORT", "HOME", "PATH", "GORACE", "TMPDIR", "GOCOVERDIR"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

func cmdServe(ts *testscript.TestScript, _ bool, env []string) {
	t := talkOf(ts)
	if t.server != nil {
		ts.Fatalf("a server is running already")
	}
	cmd := command(ts, env)
	stderr, err := os.Create(ts.MkAbs("server.stderr"))
	ts.Check(err)
	defer stderr.Close()
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	t.server, t.logged = cmd, 0
	address := make(chan string, 1)
	copied, err := os.Create(ts.MkAbs("server.log"))
	ts.Check(err)
	go func() {
		defer copied.Close()
		readLog(io.TeeReader(stdout, copied), address)
	}()
	select {
	case a, ok := <-address:
		if !ok {
			said, _ := os.ReadFile(stderr.Name())
			ts.Fatalf("the server did not start: %s", said)
		}
		ts.Setenv("RINGLOG_ADDR", a)
	case <-time.After(patience):
		ts.Fatalf("the server does not start")
	}
}

// readLog reads a server's log to its end and tells the address that it serves.
func readLog(log io.Reader, address chan<- string) {
	defer close(address)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var line struct{ Message, Address string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "serving" {
			address <- line.Address
		}
	}
}

func cmdRefuse(ts *testscript.TestScript, _ bool, args []string) {
	cmdExits(ts, false, append(append([]string{args[0], "env"}, args[1:]...), "ringlog"))
	if said := ts.ReadFile("stderr"); strings.Count(said, "\n") != 1 {
		ts.Fatalf("want one line on standard error, not %q", said)
	}
}

func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func cmdTerminate(ts *testscript.TestScript, _ bool, _ []string) {
	t := talkOf(ts)
	ts.Check(t.server.Process.Signal(syscall.SIGTERM))
	err := t.server.Wait()
	t.server = nil
	if err != nil {
		ts.Fatalf("an ordered stop: %v", err)
	}
}

func cmdCrash(ts *testscript.TestScript, _ bool, _ []string) {
	t := talkOf(ts)
	ts.Check(t.server.Process.Kill())
	t.server.Wait()
	t.server = nil
}

func cmdDial(ts *testscript.TestScript, _ bool, args []string) {
	t := talkOf(ts)
	conn, err := net.DialTimeout("tcp", ts.Getenv("RINGLOG_ADDR"), patience)
	ts.Check(err)
	if old := t.connections[args[0]]; old != nil {
		old.Close()
	}
	t.current = &conversation{name: args[0], Conn: conn, lines: bufio.NewReader(conn)}
	t.connections[args[0]] = t.current
}

func cmdOn(ts *testscript.TestScript, _ bool, args []string) {
	t := talkOf(ts)
	if t.current = t.connections[args[0]]; t.current == nil {
		ts.Fatalf("no connection %s", args[0])
	}
}

func cmdSend(ts *testscript.TestScript, _ bool, args []string) {
	talkOf(ts).current.send(ts, strings.Join(args, " ")+"\n")
}

func cmdSendPart(ts *testscript.TestScript, _ bool, args []string) {
	talkOf(ts).current.send(ts, strings.Join(args, " "))
}

func cmdSendFile(ts *testscript.TestScript, _ bool, args []string) {
	talkOf(ts).current.send(ts, ts.ReadFile(args[0]))
}

func (c *conversation) send(ts *testscript.TestScript, text string) {
	c.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c, text)
	ts.Check(err)
}

func (c *conversation) receive(ts *testscript.TestScript) string {
	c.SetReadDeadline(time.Now().Add(patience))
	line, err := c.lines.ReadString('\n')
	if err != nil {
		ts.Fatalf("%s: %v after %q", c.name, err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

func cmdExpect(ts *testscript.TestScript, _ bool, args []string) {
	c := talkOf(ts).current
	if got, want := c.receive(ts), strings.Join(args, " "); got != want {
		ts.Fatalf("%s received %s\nwant        %s", c.name, got, want)
	}
}

// cmdExpectPart wants every argument somewhere in the next line.
func cmdExpectPart(ts *testscript.TestScript, _ bool, args []string) {
	c := talkOf(ts).current
	got := c.receive(ts)
	for _, part := range args {
		if !strings.Contains(got, part) {
			ts.Fatalf("%s received %s\nwithout     %s", c.name, got, part)
		}
	}
}

func cmdShut(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(talkOf(ts).current.Conn.(*net.TCPConn).CloseWrite())
}

func cmdClosed(ts *testscript.TestScript, _ bool, _ []string) {
	c := talkOf(ts).current
	c.SetReadDeadline(time.Now().Add(patience))
	// A reset is a close, too: the server may close with our bytes unread.
	if line, err := c.lines.ReadString('\n'); line != "" || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		ts.Fatalf("%s received %q (%v), want the connection to be closed", c.name, line, err)
	}
}

func cmdLines(ts *testscript.TestScript, _ bool, args []string) {
	if got := fmt.Sprint(strings.Count(ts.ReadFile(args[0]), "\n")); got != args[1] {
		ts.Fatalf("%s has %s lines, want %s", args[0], got, args[1])
	}
}
