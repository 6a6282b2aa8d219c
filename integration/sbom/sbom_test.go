package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/ringlog/ringlog/integration/server"
)

// The list has what `go version -m` says, neither more nor less, and is the same each time.
func TestTheListIsWhatTheBinarySays(t *testing.T) {
	binary := server.Binary(t)
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := run(out, binary, "v1.2.3"); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("two lists of one binary differ")
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(&first, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	bytes, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(bytes)
	if got := (*bom.Metadata.Component.Hashes)[0].Value; got != hex.EncodeToString(sum[:]) {
		t.Errorf("the digest of another binary: %s", got)
	}
	said, err := exec.Command("go", "version", "-m", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for line := range strings.Lines(string(said)) {
		if f := strings.Fields(line); f[0] == "dep" {
			want["pkg:golang/"+f[1]+"@"+f[2]] = true
		}
	}
	for _, c := range *bom.Components {
		if !want[c.PackageURL] && c.Name != "std" {
			t.Errorf("%s is not in the binary", c.PackageURL)
		}
		delete(want, c.PackageURL)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestWhatIsNoBinary(t *testing.T) {
	if err := run(new(bytes.Buffer), "main.go", "v1"); err == nil {
		t.Error("a source file has a list")
	}
}
