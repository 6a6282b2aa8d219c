//go:build linux

package system

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
)

// Sent is how many bytes a node has sent to the other nodes, as the kernel counts them on its sockets.
func (c *Cluster) Sent(p *Process) (uint64, error) {
	out, err := exec.Command("ss", "--tcp", "--info", "--processes", "--numeric", "--no-header", "--oneline").Output()
	if err != nil {
		return 0, fmt.Errorf("ss: %w", err)
	}
	peers := make(map[netip.AddrPort]bool)
	for i := range c.seats {
		peers[c.seats[i].peers] = true
	}
	var sum uint64
	for line := range strings.Lines(string(out)) {
		local, remote, sent := parseSocket(line, p.cmd.Process.Pid)
		if peers[local] || peers[remote] {
			sum += sent
		}
	}
	return sum, nil
}

// parseSocket reads a line of ss: the two ends, and what was sent; nothing if it is another process's.
func parseSocket(line string, pid int) (local, remote netip.AddrPort, sent uint64) {
	fields := strings.Fields(line)
	if len(fields) < 5 || !strings.Contains(line, fmt.Sprintf("pid=%d,", pid)) {
		return local, remote, 0
	}
	local, _ = netip.ParseAddrPort(fields[3])
	remote, _ = netip.ParseAddrPort(fields[4])
	for _, field := range fields[5:] {
		if text, ok := strings.CutPrefix(field, "bytes_sent:"); ok {
			sent, _ = strconv.ParseUint(text, 10, 64)
		}
	}
	return plain(local), plain(remote), sent
}

// plain is an address of IPv4 as such, however a socket has it.
func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
