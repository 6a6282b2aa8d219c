//go:build docs

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocs: every command has a man page with its flags, and completes in every shell; made twice, all is the same.
func TestDocs(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1795190400")
	once, again := t.TempDir(), t.TempDir()
	for _, dir := range []string{once, again} {
		if err := writeDocs(dir); err != nil {
			t.Fatal(err)
		}
	}
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" {
			return
		}
		name := filepath.Join("man", "man1", strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1")
		page, err := os.ReadFile(filepath.Join(once, name))
		if err != nil {
			t.Fatal(err)
		}
		same, _ := os.ReadFile(filepath.Join(again, name))
		if !bytes.Equal(page, same) || !bytes.Contains(page, []byte("Nov 2026")) {
			t.Errorf("%s is another one each time", name)
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	root := newRoot()
	root.InitDefaultHelpCmd()
	each(root)
	for _, name := range []string{"bash-completion/completions/ringlog", "zsh/site-functions/_ringlog", "fish/vendor_completions.d/ringlog.fish"} {
		if text, err := os.ReadFile(filepath.Join(once, name)); err != nil || !bytes.Contains(text, []byte("ringlog __complete")) && !bytes.Contains(text, []byte("__complete")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
