package crash

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filterFor is the variable that makes this test binary a filter: it has the kernel report a process's
// system calls to its parent (seccomp's user notification), and becomes the program that it names.
const filterFor = "CRASH_FILTER_FOR"

// reportTo is the descriptor of the socket on which a filter hands over where calls are reported.
const reportTo = 3

// watched are the calls that are reported: what changes files, and what may be an answer.
var watched = map[int32]string{
	unix.SYS_OPENAT: "openat", unix.SYS_MKDIRAT: "mkdirat", unix.SYS_UNLINKAT: "unlinkat",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2",
	unix.SYS_PWRITE64: "pwrite64", unix.SYS_FALLOCATE: "fallocate", unix.SYS_FTRUNCATE: "ftruncate",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync",
	unix.SYS_WRITE: "write", unix.SYS_WRITEV: "writev",
}

// filterIfAsked doesn't return in a process that was started to be a filter.
func filterIfAsked() {
	program := os.Getenv(filterFor)
	if program == "" {
		return
	}
	os.Unsetenv(filterFor)
	err := filter(program)
	fmt.Fprintln(os.Stderr, "filter:", err)
	os.Exit(70)
}

func filter(program string) error {
	runtime.LockOSThread() // the filter is this thread's, and the thread becomes the program
	listener, err := install()
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if err := unix.Sendmsg(reportTo, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return err
	}
	_ = unix.Close(listener)
	_ = unix.Close(reportTo)
	return syscall.Exec(program, os.Args, os.Environ())
}

// install installs the filter and returns where it reports.
func install() (listener int, err error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, err
	}
	const number = 0 // offset of the call's number in what the filter looks at
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number}}
	for nr := range watched {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// A call that was reported is not reported again when the Go runtime signals its own threads.
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
	if errno != 0 {
		return 0, errno
	}
	return int(fd), nil
}
