//go:build linux

package system

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	stat := "42 (a (b) c) S 1 42 42 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 5 0 100 1 1"
	if got := parseCPU([]byte(stat)); got != 1750*time.Millisecond {
		t.Error(got)
	}
	if got := parseKB([]byte("Name:\tx\nRssAnon:\t    12 kB\nRssFile:\t 7 kB\n"), "RssAnon:"); got != 12<<10 {
		t.Error(got)
	}
}
