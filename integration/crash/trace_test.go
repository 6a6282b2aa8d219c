package crash

import (
	"slices"
	"strings"
	"testing"
)

// A good trace of one batch, in which another thread's call comes between.
const goodTrace = `7 pwrite64(9</d/blobs/0000000000000001.seg>, "\236RLF\1\0{\"c\":1,\"n\":1}{\"c\":2,\"n\":1,\"pad\":\"x\"}\236RLF\2\0", 99, 4096) = 99
7 fdatasync(9</d/blobs/0000000000000001.seg> <unfinished ...>
8 write(12<socket:[77]>, "{\"head\":0}\n", 11) = 11
7 <... fdatasync resumed>) = 0
7 pwrite64(10</d/blobs/MARK>, "\236RLMARK\n"..., 88, 0) = 88
7 write(12<socket:[77]>, "{\"id\":\"1/1\",\"index\":1}\n", 24) = 24
8 write(13<socket:[78]>, "{\"id\":\"2/1\",\"index\":2}\n", 24) = 24
8 --- SIGURG {si_signo=SIGURG} ---
8 +++ exited with 0 +++
`

func TestAGoodTracePasses(t *testing.T) {
	events, err := readTrace(strings.NewReader(goodTrace))
	if err != nil {
		t.Fatal(err)
	}
	o := checkOrder(events)
	if len(o.wrong) != 0 || o.batches != 1 || o.flushes != 1 || o.answers != 2 {
		t.Errorf("%+v", o)
	}
}

func TestASpoiltTraceIsFound(t *testing.T) {
	good := strings.SplitAfter(strings.TrimSuffix(goodTrace, "\n"), "\n")
	move := func(from, to int) string {
		line := good[from]
		lines := slices.Delete(slices.Clone(good), from, from+1)
		return strings.Join(slices.Insert(lines, to, line), "")
	}
	for name, trace := range map[string]string{
		"answered before the write":     move(5, 0),
		"answered before the flush":     move(5, 1),
		"answered during the flush":     move(5, 3),
		"the other answered early":      move(6, 3),
		"flushed during the write":      strings.Replace(move(0, 1), "9</d", "9</d", 1),
		"the flush failed":              strings.Replace(goodTrace, "fdatasync resumed>) = 0", "fdatasync resumed>) = -1 EIO", 1),
		"never flushed":                 strings.Replace(strings.Replace(goodTrace, good[1], "", 1), good[3], "", 1),
		"another file was flushed":      strings.Replace(goodTrace, "fdatasync(9</d/blobs/0000000000000001.seg>", "fdatasync(9</d/blobs/0000000000000002.seg>", 1),
		"the write failed":              strings.Replace(goodTrace, "4096) = 99", "4096) = -1 EIO", 1),
		"the order is not with it":      strings.Replace(goodTrace, `\236RLF\2\0`, "", 1),
		"two batches, one flush":        strings.Replace(goodTrace, good[1], `7 pwrite64(9</d/blobs/0000000000000001.seg>, "{\"c\":3,\"n\":1}\236RLF\2\0", 99, 5096) = 99`+"\n"+good[1], 1),
		"flushed before it was written": move(0, 4),
	} {
		t.Run(name, func(t *testing.T) {
			if trace == goodTrace {
				t.Fatal("it is not spoilt")
			}
			events, err := readTrace(strings.NewReader(trace))
			if err != nil {
				t.Fatal(err)
			}
			if o := checkOrder(events); len(o.wrong) == 0 {
				t.Errorf("nothing was found: %+v", o)
			}
		})
	}
}
