//go:build unix && !solaris && !aix

package index

import (
	"os"
	"syscall"
)

// dontWait has a named pipe in the file's place opened at once, to be refused.
const dontWait = syscall.O_NONBLOCK

// tryLock takes the lock of a file that bbolt takes, too; EWOULDBLOCK: somebody has it.
func tryLock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
