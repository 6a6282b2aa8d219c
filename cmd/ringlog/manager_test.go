package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// mailbox is a service manager's socket.
type mailbox struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &mailbox{t, conn, path}
}

// next is the next message.
func (m *mailbox) next() string {
	m.t.Helper()
	m.conn.SetReadDeadline(time.Now().Add(patience))
	message := make([]byte, 4096)
	n, err := m.conn.Read(message)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(message[:n])
}

// skip returns the next message that isn't this one.
func (m *mailbox) skip(message string) string {
	m.t.Helper()
	for {
		if next := m.next(); next != message {
			return next
		}
	}
}

func TestTheServiceManagerIsTold(t *testing.T) {
	m := newMailbox(t)
	p := startProcess(t, "NOTIFY_SOCKET="+m.path, "WATCHDOG_USEC=2")
	if got, want := m.next(), "READY=1\nSTATUS=serving "+p.address; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for range 3 {
		if got := m.next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	p.signal(syscall.SIGTERM)
	if got := m.skip("WATCHDOG=1"); got != "STOPPING=1\nSTATUS=stopping" {
		t.Errorf("got %q", got)
	}
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestAServiceManagerThatIsGoneIsNoReasonToStop(t *testing.T) {
	p := startProcess(t, "NOTIFY_SOCKET="+filepath.Join(t.TempDir(), "gone"), "WATCHDOG_USEC=many")
	p.append(1, 10)
	p.signal(syscall.SIGTERM)
	if code := p.exit(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// The index is lost, and the log too large to be read in a moment: how far that has come is told, and time
// asked for.
func TestProgressIsToldToTheServiceManager(t *testing.T) {
	m := newMailbox(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	manager := newManager(zerolog.Nop())
	manager.progress(41, 100)
	manager.progress(42, 100) // too soon
	manager.tell("STATUS=end")
	if got := m.next(); got != "STATUS=opening the log: 41 % read\nEXTEND_TIMEOUT_USEC=60000000" {
		t.Errorf("got %q", got)
	}
	if got := m.next(); got != "STATUS=end" {
		t.Errorf("got %q", got)
	}
}

// A server that is stuck is not said to be alive.
func TestTheWatchdogIsNotFedByAServerThatIsStuck(t *testing.T) {
	m := newMailbox(t)
	t.Setenv("NOTIFY_SOCKET", m.path)
	manager := newManager(zerolog.Nop())
	asked, answer := make(chan bool), make(chan string)
	go manager.watch(time.Millisecond, true, func() string {
		asked <- true
		return <-answer
	}, "serving")
	<-asked
	answer <- "serving"
	<-asked // and no answer
	if got := m.next(); got != "WATCHDOG=1" {
		t.Errorf("got %q", got)
	}
	manager.tell("STATUS=end")
	if got := m.next(); got != "STATUS=end" {
		t.Errorf("got %q from a server that is stuck", got)
	}
	answer <- "not ready: the disk is full"
	if got := m.next(); got != "WATCHDOG=1" {
		t.Errorf("got %q", got)
	}
	if got := m.skip("WATCHDOG=1"); got != "STATUS=not ready: the disk is full" {
		t.Errorf("got %q", got)
	}
	go func() {
		for {
			select {
			case <-asked:
			case answer <- "not ready: the disk is full":
			case <-manager.ended:
				return
			}
		}
	}()
	manager.stop()
	manager.wait()
}

// passing has a server started with descriptors, the first as number 3.
func passing(t *testing.T, files []*os.File, env ...string) *exec.Cmd {
	t.Helper()
	binary, err := exec.LookPath("ringlog")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "LISTEN_PID=$$ exec "+binary)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "LISTEN_FDNAMES=first:second")
	cmd.Env = append(cmd.Env, env...)
	cmd.ExtraFiles = files
	return cmd
}

// fileOf is the descriptor of a listener, which is closed here.
func fileOf(t *testing.T, network, address string) (file *os.File, at string) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if unix, ok := listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false)
	}
	file, err = listener.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	at = listener.Addr().String()
	listener.Close()
	t.Cleanup(func() { file.Close() })
	return file, at
}

func TestPassedSocketsAreServed(t *testing.T) {
	tcp, address := fileOf(t, "tcp", "127.0.0.1:0")
	unix, path := fileOf(t, "unix", filepath.Join(t.TempDir(), "s"))
	early, err := net.Dial("tcp", address) // whom the manager starts the server for
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	io.WriteString(early, "{\"id\":\"a\",\"entry\":{}}\n")
	m := newMailbox(t)
	// The port is another server's, as it may be: nothing of it is used.
	cmd := passing(t, []*os.File{tcp, unix}, "LISTEN_FDS=2", "NOTIFY_SOCKET="+m.path, "HOST=192.0.2.1", "INSECURE=true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	if got, want := m.next(), "READY=1\nSTATUS=serving "+address+", "+path; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	answers(t, early, "{\"id\":\"a\",\"index\":1}\n")
	late, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	io.WriteString(late, "{\"from\":1,\"follow\":false}\n")
	answers(t, late, "{\"index\":1,\"entry\":{}}\n{\"current\":true}\n")
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func answers(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); string(got) != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

func TestPassedDescriptorsThatAreNoSockets(t *testing.T) {
	public, _ := fileOf(t, "tcp", "0.0.0.0:0")
	loopback, _ := fileOf(t, "tcp", "127.0.0.1:0")
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		files []*os.File
		says  string
	}{
		{[]*os.File{file}, "first: want a stream socket that listens"},
		{[]*os.File{loopback, file}, "second: want a stream socket that listens"},
		{[]*os.File{public}, "can be reached from other machines: want TOKENS"},
	} {
		cmd := passing(t, c.files, "LISTEN_FDS="+string(rune('0'+len(c.files))))
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != exitConfig || !strings.Contains(string(out), c.says) {
			t.Errorf("exit code %d, %s", code, out)
		}
	}
}
