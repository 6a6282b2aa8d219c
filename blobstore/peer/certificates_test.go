package peer

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMadeCertificates(t *testing.T) {
	dir, all := certificates(t, "n1", "n-2.x")
	if all[0].Name() != "n1" || all[1].Name() != "n-2.x" {
		t.Errorf("%s, %s", all[0].Name(), all[1].Name())
	}
	if left := time.Until(all[0].Expires()); left < 4*365*24*time.Hour {
		t.Errorf("%v are left", left)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 6 {
		t.Errorf("%v, %v", files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", file.Name(), info.Mode(), err)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, "n1.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := MakeNode(dir, "n1"); !errors.Is(err, os.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	if err := MakeCA(dir); !errors.Is(err, os.ErrExist) {
		t.Errorf("made again: %v", err)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "n1.pem")); string(after) != string(before) {
		t.Error("a certificate was written over")
	}
	for _, name := range []string{"", "../x", "a b", "-x", strings.Repeat("x", 64), "ca", "ca-key", "ü"} {
		if err := MakeNode(dir, name); err == nil {
			t.Errorf("%q was made", name)
		}
	}
}

// A bad new file keeps the last good one; a good one counts for the next connection.
func TestReload(t *testing.T) {
	dir, all := certificates(t, "n1", "n2")
	other, _ := certificates(t, "n1", "n3")
	path := func(dir, name string) string { return filepath.Join(dir, name) }
	copyTo := func(to, from string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := startNode(t, 1, func(o *Options) { o.TLS = all[0].Config() })
	b := startNode(t, 2, func(o *Options) { o.TLS = all[1].Config() })
	introduce(a, b)
	a.Send(2, 1, []byte("x"))
	b.arrived(1)

	kept := t.TempDir()
	for _, name := range []string{"n1.pem", "n1-key.pem", CAFile} {
		copyTo(path(kept, name), path(dir, name))
	}
	restore := func() {
		for _, name := range []string{"n1.pem", "n1-key.pem", CAFile} {
			copyTo(path(dir, name), path(kept, name))
		}
	}
	expired := forgeFiles(t, dir, "n1", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	for what, spoil := range map[string]func(){
		"another key": func() { copyTo(path(dir, "n1-key.pem"), path(other, "n1-key.pem")) },
		"another CA":  func() { copyTo(path(dir, CAFile), path(other, CAFile)) },
		"no CA":       func() { os.Remove(path(dir, CAFile)) },
		"an empty CA": func() { os.WriteFile(path(dir, CAFile), nil, 0o600) },
		"garbage":     func() { os.WriteFile(path(dir, "n1.pem"), []byte("garbage"), 0o600) },
		"another node": func() {
			copyTo(path(dir, "n1.pem"), path(dir, "n2.pem"))
			copyTo(path(dir, "n1-key.pem"), path(dir, "n2-key.pem"))
		},
		"expired": func() {
			copyTo(path(dir, "n1.pem"), path(expired, "c"))
			copyTo(path(dir, "n1-key.pem"), path(expired, "k"))
		},
		"of another CA": func() {
			copyTo(path(dir, "n1.pem"), path(other, "n1.pem"))
			copyTo(path(dir, "n1-key.pem"), path(other, "n1-key.pem"))
		},
	} {
		spoil()
		if err := all[0].Reload(); err == nil {
			t.Errorf("%s was taken", what)
		} else if !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v names no file", what, err)
		}
		restore()
	}
	if got, err := b.Call(t.Context(), a.address, "none", nil); Code(err) != CodeUnknown {
		t.Errorf("after bad files: %q, %v", got, err)
	}
	old := all[0].now().cert.Leaf.SerialNumber
	for _, name := range []string{"n1.pem", "n1-key.pem"} {
		os.Remove(path(dir, name))
	}
	if err := errors.Join(MakeNode(dir, "n1"), all[0].Reload()); err != nil || all[0].now().cert.Leaf.SerialNumber.Cmp(old) == 0 {
		t.Errorf("a new one: %v", err)
	}
	c, err := b.connect(t.Context(), a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer b.forget(c)
	defer c.close(nil)
	if c.name != "n1" {
		t.Errorf("%q", c.name)
	}
}
