package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ringlog/ringlog"

// mayImport says, for each package of the module, which others of it its code may import: downward
// only. A package that isn't named here doesn't belong to the design yet; name it here with its
// place in docs/DESIGN.md.
var mayImport = map[string][]string{
	"protocol":                    {},
	"blobstore":                   {},
	"blobstore/ring":              {},
	"blobstore/segment/fs":        {},
	"blobstore/segment":           {"blobstore", "blobstore/segment/fs"},
	"blobstore/placed":            {"blobstore", "blobstore/ring"},
	"blobstore/peer":              {"blobstore"},
	"logserver/access":            {"protocol"},
	"logserver/access/accesstest": {},
	"logserver/hub":               {"blobstore", "protocol"},
	"logserver/index":             {"blobstore"},
	"logserver/order":             {"blobstore"},
	"logserver/order/sim":         {"blobstore", "blobstore/placed", "blobstore/ring", "blobstore/segment", "blobstore/segment/fs", "logserver/order", "logserver/check"},
	"logserver/check":             {"blobstore", "blobstore/segment", "blobstore/segment/fs", "logserver/index", "logserver/order"},
	"logserver": {"protocol", "blobstore", "blobstore/ring", "blobstore/segment", "blobstore/segment/fs",
		"blobstore/placed", "blobstore/peer", "logserver/access", "logserver/hub", "logserver/index", "logserver/order", "logserver/check"},
	"logserver/cluster": {"logserver", "logserver/order", "blobstore/peer", "blobstore/ring", "blobstore/segment"},
	"logserver/web":     {"logserver", "logserver/access", "logserver/web/jq", "blobstore", "protocol"},
	"logserver/web/jq":  {},
	"client":            {"protocol"},
	"cmd/ringlog":       {"*"},
}

// onlyIn says which packages may import a library, for those libraries that have one place.
var onlyIn = map[string][]string{
	"go.etcd.io/raft":                  {"logserver/order"},
	"google.golang.org/protobuf":       {"logserver/order"},
	"go.etcd.io/bbolt":                 {"logserver/index"},
	"github.com/kelseyhightower":       {"cmd/ringlog"},
	"github.com/spf13/cobra":           {"cmd/ringlog"},
	"github.com/rs/zerolog":            {"cmd/ringlog", "logserver", "logserver/cluster", "logserver/web"},
	"github.com/syndtr/goleveldb":      {"cmd/ringlog"},
	"github.com/klauspost/compress":    {"logserver/web"},
	"github.com/prometheus/":           {"logserver", "logserver/web"},
	"github.com/itchyny/gojq":          {"cmd/ringlog", "logserver/web/jq"},
	"github.com/cenkalti/backoff":      {"client", "blobstore/peer"},
	"github.com/rogpeppe/go-internal/": {"cmd/ringlog"},
}

func TestImportsRunDownward(t *testing.T) {
	eachImport(t, func(pkg, file, imported string) {
		test := strings.HasSuffix(file, "_test.go")
		for library, places := range onlyIn {
			if strings.HasPrefix(imported, library) && !test && !slices.Contains(places, pkg) {
				t.Errorf("%s imports %s, which is for %v only", file, imported, places)
			}
		}
		if pkg == "protocol" && !test && strings.Contains(imported, ".") {
			t.Errorf("%s imports %s: protocol is standard library only", file, imported)
		}
		other, ours := strings.CutPrefix(imported, module+"/")
		if !ours || test {
			return
		}
		allowed, known := mayImport[pkg]
		switch {
		case !known:
			t.Errorf("%s: package %s is not in mayImport", file, pkg)
		case !slices.Contains(allowed, other) && !slices.Contains(allowed, "*"):
			t.Errorf("%s imports %s; %s may import %v", file, other, pkg, allowed)
		}
	})
}

// eachImport calls fn for every import of every Go file of the module, tests included; pkg and file
// are relative to its root.
func eachImport(t *testing.T, fn func(pkg, file, imported string)) {
	t.Helper()
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(name, root+string(filepath.Separator)))
		if d.IsDir() {
			if rel == "integration" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != root {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		files++
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			fn(path.Dir(rel), rel, imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Fatalf("only %d Go files found under %s", files, root)
	}
}
