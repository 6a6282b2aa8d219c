package crash

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ringlog/ringlog/integration/server"
)

// A call is a system call that a server is about to make.
type call struct {
	name  string
	file  string // kind of the file that it is about: segment, MARK, LOCK, directory, index, table, socket, or its name
	makes bool   // opens the file to make it
	data  func() []byte
}

// A verdict says what becomes of a call.
type verdict struct {
	errno unix.Errno // it is not done, and gives this error
	kill  bool       // the server is killed before it
}

// A watch sees the calls of a server one after the other, before they are done. Why this and not
// strace: strace counts the calls of each thread for itself, and Go moves work between threads.
type watch struct {
	dir    string             // of the data
	handle func(call) verdict // called by one goroutine
	ended  chan error         // the process's end was seen
	theirs *os.File           // what the process reports to
}

// wait returns when the process that reports to w has ended and handle is not called any more.
func (w *watch) wait() error {
	defer w.theirs.Close()
	if err := <-w.ended; err != nil {
		return fmt.Errorf("watch the server's calls: %w", err)
	}
	return nil
}

// canWatch says why this machine can't report system calls; nil if it can.
func canWatch() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	w := &watch{dir: "/", handle: func(call) verdict { return verdict{} }}
	cmd := exec.Command(self)
	cmd.Path, cmd.Args = "/bin/true", []string{"true"}
	w.wrap(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return w.wait()
}

// wrap makes cmd report to w; it is for Server.Wrap.
func (w *watch) wrap(cmd *exec.Cmd) {
	w.ended = make(chan error, 1)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		w.ended <- err
		return
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, filterFor+"="+cmd.Path)
	cmd.Path = "/proc/self/exe"
	w.theirs, cmd.ExtraFiles = theirs, []*os.File{theirs}
	ended := w.ended
	go func() {
		listener, err := receiveFile(ours)
		if err != nil {
			ended <- err
			return
		}
		defer unix.Close(listener)
		ended <- w.follow(listener)
	}()
}

// receiveFile takes the descriptor that a filter sends.
func receiveFile(from *os.File) (int, error) {
	defer from.Close()
	conn, err := net.FileConn(from)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(server.Patience)); err != nil {
		return 0, err
	}
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := conn.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), control)
	if err != nil {
		return 0, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return 0, errors.Join(err, errors.New("the filter sent no descriptor"))
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return 0, err
	}
	return files[0], nil
}

// notification and response are the kernel's struct seccomp_notif and seccomp_notif_resp.
type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

type response struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// follow answers what is reported until the process ends.
func (w *watch) follow(listener int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil {
			return err
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			return nil // the process is gone
		}
		var n notification
		switch errno := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errno {
		case 0:
		case unix.ENOENT, unix.EINTR:
			continue // it is gone, or went on
		default:
			return errno
		}
		r := response{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if c, ok := w.call(&n); ok {
			switch v := w.handle(c); {
			case v.kill:
				_ = unix.Kill(int(n.pid), unix.SIGKILL) // never answered: it doesn't get to make the call
				continue
			case v.errno != 0:
				r.flags, r.error = 0, -int32(v.errno)
			}
		}
		if errno := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)); errno != 0 && errno != unix.ENOENT {
			return errno
		}
	}
}

func ioctl(fd int, request uintptr, argument unsafe.Pointer) unix.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(argument))
	return errno
}

// call makes a call of what is reported; false if it is about nothing of ours.
func (w *watch) call(n *notification) (c call, ok bool) {
	c.name = watched[n.nr]
	var path string
	switch c.name {
	case "openat", "mkdirat", "unlinkat":
		path = text(n.pid, n.args[1])
		c.makes = c.name == "openat" && n.args[2]&unix.O_CREAT != 0
	case "renameat", "renameat2":
		path = text(n.pid, n.args[3])
	default:
		path, _ = os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", n.pid, n.args[0]))
	}
	if strings.HasPrefix(path, "socket:") {
		c.file = "socket"
		c.data = func() []byte { return memory(n.pid, n.args[1], int(min(n.args[2], 1<<20))) }
		return c, c.name == "write"
	}
	name, inside := strings.CutPrefix(path, w.dir)
	if !inside {
		return c, false
	}
	c.file = kind(strings.TrimPrefix(name, "/"))
	return c, true
}

// kind is the kind of a file of a server's data.
func kind(name string) string {
	base := strings.TrimSuffix(filepath.Base(name), ".tmp")
	switch {
	case strings.HasSuffix(base, ".seg"):
		return "segment"
	case strings.HasSuffix(base, ".dig"):
		return "table"
	case name == "" || base == "blobs":
		return "directory"
	case strings.HasPrefix(base, "db"):
		return "index"
	}
	return base
}

// memory reads another process's memory.
func memory(pid uint32, at uint64, n int) []byte {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	buf := make([]byte, n)
	got, _ := f.ReadAt(buf, int64(at)) // what can't be read is what isn't there
	return buf[:got]
}

func text(pid uint32, at uint64) string {
	name, _, _ := bytes.Cut(memory(pid, at, 4096), []byte{0})
	return string(name)
}
