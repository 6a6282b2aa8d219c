//go:build linux

package system

import (
	"net/netip"
	"testing"
)

func TestParseSocket(t *testing.T) {
	line := `ESTAB 0      0      [::ffff:127.0.0.1]:40512 127.0.0.1:9092 users:(("ringlog",pid=42,fd=9)) cubic rto:200 bytes_sent:1234 bytes_acked:1234 lastsnd:4`
	local, remote, sent := parseSocket(line, 42)
	if local != netip.MustParseAddrPort("127.0.0.1:40512") || remote != netip.MustParseAddrPort("127.0.0.1:9092") || sent != 1234 {
		t.Error(local, remote, sent)
	}
	if _, _, sent := parseSocket(line, 4); sent != 0 {
		t.Error(sent, "of another process")
	}
}
