//go:build linux

package system

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of times in /proc: 1/100 s on every Linux.
const tick = 10 * time.Millisecond

// CPU is the time that the process has spent, in user and in system mode.
func (p *Process) CPU() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return parseCPU(text)
}

// parseCPU adds fields 14 and 15 of /proc/PID/stat; the name, field 2, may hold spaces.
func parseCPU(stat []byte) time.Duration {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick
}

// RssAnon is the memory of the process that no file backs, in bytes.
func (p *Process) RssAnon() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return parseKB(text, "RssAnon:")
}

func parseKB(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			kb, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kb << 10
		}
	}
	return 0
}

// Disk is how many bytes the process's files take up on the disk.
func (p *Process) Disk() (int64, error) {
	var bytes int64
	err := p.files(func(path string, info fs.FileInfo) error {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += stat.Blocks * 512
		}
		return nil
	})
	return bytes, err
}

func (p *Process) files(each func(path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(p.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		return each(path, info)
	})
}

// Chill writes what is dirty and drops the process's files from the page cache; as root, everything.
func (p *Process) Chill() error {
	err := p.files(func(path string, _ fs.FileInfo) error {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := file.Sync(); err != nil {
			return err
		}
		return unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err == nil && os.Geteuid() == 0 {
		// Pages that are mapped stay with fadvise alone. In a container it may be forbidden.
		_ = os.WriteFile("/proc/sys/vm/drop_caches", []byte("1\n"), 0)
	}
	return err
}
