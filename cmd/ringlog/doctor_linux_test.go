package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestParseMount(t *testing.T) {
	for line, want := range map[string]mount{
		"36 35 98:0 /mnt1 /mnt/a\\040b rw,noatime master:1 - ext4 /dev/root rw,errors=continue": {"98:0", "/mnt/a b", "rw,noatime,rw,errors=continue"},
		"1 2 0:5 / / ro - tmpfs none rw":             {"0:5", "/", "ro,rw"},
		"1 2 0:5 / / ro shared:1 master:2 - nfs":     {},
		"1 2 0:5 / - - - - -":                        {},
		"":                                           {},
		"- - - - - - - - - - - - - - - - - -":        {},
		"36 35 98:0 /a /b rw,barrier=0 - ext3 /d rw": {"98:0", "/b", "rw,barrier=0,rw"},
	} {
		got, ok := parseMount(line)
		if ok != (want != mount{}) || got != want {
			t.Errorf("%q: %+v, %v", line, got, ok)
		}
	}
	if m := (mount{options: "rw,barrier=0"}); !m.has("nobarrier", "barrier=0") || m.has("barrier", "ro") {
		t.Error("options are not told apart")
	}
}

func FuzzParseMount(f *testing.F) {
	f.Add("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue")
	f.Add("1 2 0:5 / / ro - tmpfs none rw")
	f.Fuzz(func(t *testing.T, line string) {
		if m, ok := parseMount(line); !ok && m != (mount{}) {
			t.Errorf("%+v of a bad line", m)
		}
	})
}

func TestMountOf(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/proc", link); err != nil {
		t.Fatal(err)
	}
	if m := mountOf(link); m.point != "/proc" {
		t.Errorf("%+v", m)
	}
}
