//go:build linux

package limits

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/integration/server"
)

// TestFullDisk fills a small disk and frees it again, FULL times: the server refuses appends, serves
// reads, is killed and stopped and starts on the full disk, and goes on by itself when there is space.
func TestFullDisk(t *testing.T) {
	cycles := 3
	if text := os.Getenv("FULL"); text != "" {
		cycles, _ = strconv.Atoi(text)
	}
	disk := smallDisk(t, int64(64+4*cycles))
	s := server.New(t, server.Dir(t), map[string]string{
		"BLOBS": filepath.Join(disk, "blobs"), "DB": filepath.Join(disk, "db"), "SEGMENT": "4MiB", "KEYS": "1000",
	})
	entry := `["` + strings.Repeat("x", 100_000) + `"]`
	s.Start()
	last := uint64(0)
	for range cycles {
		k := dial(t, s.Addr)
		for range 10 {
			k.appended(entry)
			last++
		}
		giveBack := takeAll(t, disk)
		last = k.fill(entry, last)
		for _, end := range []func(){s.Kill, s.Kill, s.Stop, s.Kill} {
			end()
			s.Start()
			k = dial(t, s.Addr)
			if n := k.history(); n != last {
				t.Fatalf("%d entries, want %d", n, last)
			}
			last = k.fill(entry, last) // a start gives blocks back that were allocated ahead
		}
		giveBack()
		if index := k.appended(`{"small":true}`); index != last+1 {
			t.Fatalf("entry %d, want %d", index, last+1)
		}
		last++
	}
	s.Stop()
	s.Run("verify")
}

// fill appends an entry again and again until the disk is full, and returns the last index.
func (k *talk) fill(entry string, last uint64) uint64 {
	k.t.Helper()
	for range 1000 {
		a := k.append(entry)
		if a.Error == "disk full" {
			return last
		}
		if last++; a.Index != last {
			k.t.Fatalf("%+v, want %d", a, last)
		}
	}
	k.t.Fatal("the disk does not fill up")
	return 0
}
