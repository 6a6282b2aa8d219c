//go:build docs

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// A build with -tags docs writes man pages and completions and does nothing else: `make man`.
func init() { generate = writeDocs }

// writeDocs writes what belongs beside the binary into a directory laid out as /usr/share.
func writeDocs(dir string) error {
	root := newRoot()
	root.DisableAutoGenTag = true
	man := filepath.Join(dir, "man", "man1")
	completions := map[string]func(*cobra.Command, string) error{
		"bash-completion/completions/ringlog": func(c *cobra.Command, name string) error { return c.GenBashCompletionFileV2(name, true) },
		"zsh/site-functions/_ringlog":         (*cobra.Command).GenZshCompletionFile,
		"fish/vendor_completions.d/ringlog.fish": func(c *cobra.Command, name string) error {
			return c.GenFishCompletionFile(name, true)
		},
	}
	if err := os.MkdirAll(man, 0o755); err != nil {
		return err
	}
	header := &doc.GenManHeader{Title: "RINGLOG", Section: "1", Source: "ringlog " + buildVersion(), Manual: "Ringlog", Date: sourceDate()}
	if err := doc.GenManTree(root, header, man); err != nil {
		return fmt.Errorf("man pages: %w", err)
	}
	for name, write := range completions {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := write(root, name); err != nil {
			return fmt.Errorf("completions: %w", err)
		}
	}
	return nil
}

// sourceDate is SOURCE_DATE_EPOCH, so that a build makes the same bytes each time; or now.
func sourceDate() *time.Time {
	date := time.Now()
	if seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(seconds, 0)
	}
	date = date.UTC()
	return &date
}
