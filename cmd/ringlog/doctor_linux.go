package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// fileSystems are kinds by their magic number, and what is to be said about some.
var fileSystems = map[int64]struct {
	name     string
	level    level
	volatile bool
	remark   string
}{
	unix.EXT4_SUPER_MAGIC:      {name: "ext4"},
	unix.XFS_SUPER_MAGIC:       {name: "xfs"},
	unix.BTRFS_SUPER_MAGIC:     {name: "btrfs", level: doubt, remark: "copy on write makes flushes slow; chattr +C the empty directory"},
	unix.F2FS_SUPER_MAGIC:      {name: "f2fs"},
	0x2fc12fc1:                 {name: "zfs", level: doubt, remark: "the tests of power cuts were not made on it; sync must not be disabled there"},
	unix.TMPFS_MAGIC:           {name: "tmpfs", level: bad, volatile: true, remark: "it is memory: name a directory on a disk"},
	unix.RAMFS_MAGIC:           {name: "ramfs", level: bad, volatile: true, remark: "it is memory: name a directory on a disk"},
	unix.OVERLAYFS_SUPER_MAGIC: {name: "overlay", level: doubt, remark: "the layer of a container goes with the container; mount a volume"},
	unix.NFS_SUPER_MAGIC:       {name: "nfs", level: doubt, remark: "the tests of power cuts were not made on it; a local disk is better"},
	unix.SMB2_SUPER_MAGIC:      {name: "smb", level: doubt, remark: "the tests of power cuts were not made on it; a local disk is better"},
	unix.FUSE_SUPER_MAGIC:      {name: "fuse", level: doubt, remark: "whether a flush flushes is up to the program behind it"},
	unix.V9FS_MAGIC:            {name: "9p", level: doubt, remark: "whether a flush flushes is up to the host behind it"},
}

// disk looks at the file system of the data, how it is mounted, and the space there is.
func (d *diagnosis) disk() {
	var s unix.Statfs_t
	if err := unix.Statfs(d.dir, &s); err != nil {
		d.add("file system", bad, nil, "%s: %v", d.dir, err)
		return
	}
	kind, known := fileSystems[int64(s.Type)] //nolint:unconvert // it is an int32 on some machines
	if !known {
		kind.name, kind.level, kind.remark = fmt.Sprintf("kind %#x", s.Type), doubt, "the tests of power cuts were not made on it"
	}
	if kind.level == "" {
		kind.level = fine
	}
	mounted := mountOf(d.dir)
	facts := map[string]any{"kind": kind.name, "mount": mounted.point, "options": mounted.options, "write_cache": mounted.writeCache()}
	text := kind.name
	if mounted.point != "" {
		text += " at " + mounted.point
	}
	switch {
	case kind.volatile:
		d.volatile = "the data lies in memory (" + kind.name + ")"
	case mounted.has("ro"):
		kind.level, kind.remark = bad, "it is mounted read-only"
	case mounted.has("nobarrier", "barrier=0"):
		d.volatile = "the file system is mounted without barriers (" + mounted.options + ")"
		kind.level, kind.remark = bad, "mounted without barriers, a flush does not reach the disk; mount it with them"
	}
	if kind.remark != "" {
		text += "; " + kind.remark
	}
	d.add("file system", kind.level, facts, "%s", text)
	inodes := int64(s.Ffree)
	if s.Files == 0 {
		inodes = -1 // it makes them as needed
	}
	d.space(int64(s.Bavail)*int64(s.Bsize), int64(s.Blocks)*int64(s.Bsize), inodes) //nolint:unconvert // they differ by machine
}

// mount is a line of /proc/self/mountinfo.
type mount struct{ device, point, options string }

// mountOf finds the mount that a path lies in; the zero mount if that can't be told.
func mountOf(path string) (best mount) {
	path, err := filepath.Abs(path)
	if err != nil {
		return best
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	text, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		m, ok := parseMount(line)
		if ok && len(m.point) >= len(best.point) && (m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")) {
			best = m
		}
	}
	return best
}

// parseMount reads a line: ids, device, root, point, options, optional fields, "-", kind, source, options
// of the file system.
func parseMount(line string) (m mount, ok bool) {
	fields := strings.Fields(line)
	dash := slices.Index(fields, "-")
	if dash < 6 || len(fields) < dash+4 {
		return m, false
	}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	return mount{fields[2], unescape.Replace(fields[4]), fields[5] + "," + fields[dash+3]}, true
}

func (m mount) has(options ...string) bool {
	for option := range strings.SplitSeq(m.options, ",") {
		if slices.Contains(options, option) {
			return true
		}
	}
	return false
}

// writeCache is what the kernel says of the device's cache: "write back" is flushed by fdatasync.
func (m mount) writeCache() string {
	for _, name := range []string{"queue/write_cache", "../queue/write_cache"} { // a partition has its disk's
		if text, err := os.ReadFile(filepath.Join("/sys/dev/block", m.device, name)); err == nil {
			return strings.TrimSpace(string(text))
		}
	}
	return ""
}

// clockSynchronized asks the kernel.
func clockSynchronized() (synchronized, known bool) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err == nil
}

func datasync(file *os.File) error { return unix.Fdatasync(int(file.Fd())) }

// openFiles looks at the limits of a process.
func (d *diagnosis) openFiles() {
	var files, size unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &files) == nil {
		facts := map[string]any{"limit": files.Cur, "connections": mayServe(files.Cur)}
		if may := mayServe(files.Cur); may < uint64(d.config.MaxConns) {
			d.add("open files", doubt, facts, "%d have room for %d connections, not for MAX_CONNS, %d; raise the limit (ulimit -n, LimitNOFILE=), or lower MAX_CONNS",
				files.Cur, may, d.config.MaxConns)
		} else {
			d.add("open files", fine, facts, "%d, enough for MAX_CONNS, %d", files.Cur, d.config.MaxConns)
		}
	}
	if unix.Getrlimit(unix.RLIMIT_FSIZE, &size) == nil && size.Cur < 2*uint64(d.config.Segment) {
		d.add("file size", bad, map[string]any{"limit": size.Cur}, "a process may write files of %d bytes at most, and a segment has %d and its seal; raise the limit (ulimit -f)",
			size.Cur, int64(d.config.Segment))
	}
}
