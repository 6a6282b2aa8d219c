package cluster_test

import (
	"os"
	"testing"
)

func mkdir(dir string) error { return os.Mkdir(dir, 0o700) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
