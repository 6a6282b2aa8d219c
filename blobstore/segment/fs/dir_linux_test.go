package fs_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

func TestDirNoticesWhatVanished(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	for name, harm := range map[string]func(string) error{
		"removed": os.Remove,
		"cut":     func(name string) error { return os.Truncate(name, 3) },
	} {
		file := create(t, d, name, "0123456789")
		check(t, file.Sync(), harm(filepath.Join(path, name)))
		if err := file.Sync(); !errors.Is(err, fs.ErrVanished) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
