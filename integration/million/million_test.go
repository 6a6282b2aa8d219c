package million

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/server"
)

const seed = 1

// TestRoundTrip appends LINES lines (20,000; `make million`: a million) and exports them.
func TestRoundTrip(t *testing.T) {
	n := 20_000
	if text := os.Getenv("LINES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := server.Dir(t)
	input, output := filepath.Join(dir, "input.ndjson"), filepath.Join(dir, "output.ndjson")
	generate(t, input, n)
	s := server.New(t, dir, nil)
	s.Start()

	began := time.Now()
	s.Run("append", input)
	appended := time.Since(began)
	// Killed, so that what is exported comes from the disk and from recovery.
	s.Kill()
	started := s.Start()
	began = time.Now()
	export(t, s, output)
	exported := time.Since(began)
	s.Stop()
	s.Run("verify")

	size := compare(t, input, output, n)
	t.Logf("%d lines, %d MB: append %v (%.0f/s), start after kill -9 %v, export %v (%.0f MB/s); identical", n, size>>20,
		appended.Round(time.Millisecond), float64(n)/appended.Seconds(), started.Round(time.Millisecond),
		exported.Round(time.Millisecond), float64(size)/1e6/exported.Seconds())
}

func generate(t *testing.T, name string, n int) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := Generate(file, n, seed); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, s *server.Server, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := exec.Command(server.Binary(t), "export", "--addr", s.Addr)
	cmd.Stdout = file
	if err := cmd.Run(); err != nil {
		t.Fatalf("export: %v", err)
	}
}

// compare returns the bytes of the output, each line of which must be that of the input, compacted.
func compare(t *testing.T, input, output string, n int) (size int) {
	t.Helper()
	want, got := open(t, input), open(t, output)
	var compact []byte
	for i := range n {
		in, errIn := want.ReadSlice('\n')
		out, errOut := got.ReadSlice('\n')
		if errIn != nil || errOut != nil {
			t.Fatalf("line %d: input: %v, output: %v", i+1, errIn, errOut)
		}
		compact = append(AppendCompact(compact[:0], in), '\n')
		if !bytes.Equal(compact, out) {
			t.Fatalf("line %d: appended %.300q, exported %.300q", i+1, compact, out)
		}
		size += len(out)
	}
	if _, err := got.ReadByte(); err != io.EOF {
		t.Fatalf("more was exported than appended")
	}
	return size
}

func open(t *testing.T, name string) *bufio.Reader {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return bufio.NewReaderSize(file, 1<<20)
}

func TestGenerated(t *testing.T) {
	var first, second bytes.Buffer
	const n = 5_000
	if Generate(&first, n, seed) != nil || Generate(&second, n, seed) != nil {
		t.Fatal("not written")
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same seed gave other lines")
	}
	lines, smallest, largest, spaced := 0, 1<<30, 0, 0
	for line := range bytes.Lines(first.Bytes()) {
		lines++
		smallest, largest = min(smallest, len(line)), max(largest, len(line))
		var compact bytes.Buffer
		if err := json.Compact(&compact, line); err != nil {
			t.Fatalf("line %d: %v: %s", lines, err, line)
		}
		if !bytes.Equal(compact.Bytes(), AppendCompact(nil, line)) {
			t.Fatalf("line %d: AppendCompact and encoding/json disagree: %s", lines, line)
		}
		if compact.Len() != len(line)-1 {
			spaced++
		}
	}
	if lines != n || smallest > 80 || largest < 10<<10 || largest > 40<<10 || spaced < n/10 {
		t.Errorf("%d lines of %d to %d bytes, %d of them spaced", lines, smallest, largest, spaced)
	}
}
