package logserver_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
	"github.com/ringlog/ringlog/logserver/order"
)

func diskOf(t *testing.T, im map[string][]byte) *fs.Mem {
	t.Helper()
	m := fs.Memory()
	for _, name := range slices.Sorted(maps.Keys(im)) {
		f, err := m.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt(im[name], 0)
		f.Sync()
	}
	m.SyncDir()
	return m
}

// verdict is what became of a harmed directory.
type verdict struct {
	started, repaired, unrepairable int
	lost                            int // entries, of all that were repaired
}

// try starts a harmed directory: it must be refused or serve nothing but what was appended. Then it
// is repaired: it must start, and serve all but what it lists as lost.
func (v *victim) try(t *testing.T, what string, im map[string][]byte, may func(error) bool, sum *verdict) {
	t.Helper()
	disk := diskOf(t, im)
	if l, err := logserver.Open(logserver.Options{Files: disk, Segment: segment.MinSize}); err == nil {
		l.Close()
		sum.started++
		v.serves(t, what+", as it is", diskOf(t, im), nil, true)
	} else if !check.Damaged(err) && !errors.As(err, new(*segment.ForeignError)) && !errors.Is(err, order.ErrOrderLost) {
		t.Logf("%s: refused with %v", what, err)
	}
	disk = diskOf(t, im)
	r, err := check.Examine(check.Options{Files: disk})
	if r != nil {
		defer r.Close()
	}
	if err != nil {
		if !may(err) {
			t.Fatalf("%s: not to be repaired: %v", what, err)
		}
		sum.unrepairable++
		return
	}
	if err := r.Apply(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	report, err := check.Data(check.Options{Files: disk})
	if err != nil || report.Gone != r.Report.Gone {
		t.Fatalf("%s: after the repair: %v; %d entries are lost, %d were to be", what, err, report.Gone, r.Report.Gone)
	}
	if n := v.serves(t, what+", repaired", disk, r.Lost, false); uint64(n) != report.Gone {
		t.Fatalf("%s: %d entries are unavailable, %d were listed", what, n, report.Gone)
	}
	sum.repaired++
	sum.lost += int(report.Gone)
	if report, err = check.Data(check.Options{Files: disk}); err != nil || uint64(sum.lost) < report.Gone {
		t.Fatalf("%s: later: %v, %+v", what, err, report)
	}
}

// offsets says how many offsets are passed over, and where to begin: RINGLOG_FLIPS=all tries all, a
// number every so many.
func offsets(t *testing.T, usual int) (by, first int, r *rand.Rand) {
	t.Helper()
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("RINGLOG_SEED"), strconv.FormatUint(rand.Uint64(), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("RINGLOG_SEED=%d", seed)
	r, by = rand.New(rand.NewPCG(seed, 1)), usual
	switch flips := os.Getenv("RINGLOG_FLIPS"); flips {
	case "":
	case "all":
		by = 1
	default:
		if by, err = strconv.Atoi(flips); err != nil || by < 1 {
			t.Fatalf("RINGLOG_FLIPS=%s: want all, or a number", flips)
		}
	}
	return by, r.IntN(by), r
}

func never(error) bool { return false }

// orderMay allows that the order is lost.
func orderMay(err error) bool {
	return errors.Is(err, order.ErrOrderLost) || errors.As(err, new(*segment.UnrepairableError))
}

// Of every byte that is flipped, nothing wrong is ever served, and no repair loses anything.
func TestEveryByteFlipped(t *testing.T) {
	v, sum := newVictim(t), verdict{}
	by, first, r := offsets(t, 5003)
	for _, file := range slices.Sorted(maps.Keys(v.image)) {
		for at := first; at < len(v.image[file]); at += by {
			im := maps.Clone(v.image)
			im[file] = bytes.Clone(im[file])
			im[file][at] ^= byte(1 + r.IntN(255))
			v.try(t, fmt.Sprintf("byte %d of %s flipped", at, file), im, never, &sum)
		}
	}
	t.Logf("%+v", sum)
	if sum.lost > 0 {
		t.Errorf("%d entries were lost to single bytes", sum.lost)
	}
}

// Two wrong bytes can't be put right; where order and decisions are known twice, no more is lost than
// content.
func TestTwoBytesFlipped(t *testing.T) {
	v, sum := newVictim(t), verdict{}
	by, first, r := offsets(t, 5003)
	for _, file := range slices.Sorted(maps.Keys(v.image)) {
		for at := first; at+8 < len(v.image[file]); at += by {
			im := maps.Clone(v.image)
			im[file] = bytes.Clone(im[file])
			im[file][at] ^= byte(1 + r.IntN(255))
			im[file][at+1+r.IntN(7)] ^= byte(1 + r.IntN(255))
			may := never
			if file == v.last {
				may = orderMay
			}
			v.try(t, fmt.Sprintf("bytes %d… of %s flipped", at, file), im, may, &sum)
		}
	}
	t.Logf("%+v", sum)
}

func TestTruncatedAnywhere(t *testing.T) {
	v, sum := newVictim(t), verdict{}
	by, first, _ := offsets(t, 7001)
	for _, file := range slices.Sorted(maps.Keys(v.image)) {
		for at := first; at < len(v.image[file]); at += by {
			im := maps.Clone(v.image)
			im[file] = im[file][:at]
			may := never
			if file == v.last {
				may = orderMay
			}
			v.try(t, fmt.Sprintf("%s cut at %d", file, at), im, may, &sum)
		}
	}
	t.Logf("%+v", sum)
}

func TestBlocksHarmed(t *testing.T) {
	v, sum := newVictim(t), verdict{}
	_, _, r := offsets(t, 1)
	for _, size := range []int{512, 4096} {
		for _, file := range slices.Sorted(maps.Keys(v.image)) {
			if !strings.HasSuffix(file, ".seg") {
				continue
			}
			for at := 0; at < len(v.image[file]); at += size {
				if os.Getenv("RINGLOG_FLIPS") != "all" && r.IntN(20) > 0 {
					continue
				}
				im := maps.Clone(v.image)
				content := bytes.Clone(im[file])
				im[file] = content
				block := func(at int) []byte { return content[at:min(at+size, len(content))] }
				other := r.IntN(len(content)/size) * size
				how := []string{"zeroed", "doubled", "swapped"}[r.IntN(3)]
				kept := bytes.Clone(block(at))
				switch how {
				case "zeroed":
					clear(block(at))
				default:
					copy(block(at), block(other))
					if how == "swapped" {
						copy(block(other), kept)
					}
				}
				v.try(t, fmt.Sprintf("block of %d at %d of %s %s with %d", size, at, file, how, other), im, orderMay, &sum)
			}
		}
	}
	t.Logf("%+v", sum)
}

func TestFilesMissingOrSwapped(t *testing.T) {
	v, sum := newVictim(t), verdict{}
	for _, file := range slices.Sorted(maps.Keys(v.image)) {
		if file == "LOCK" {
			continue
		}
		im := maps.Clone(v.image)
		delete(im, file)
		may := never
		if file == v.last {
			may = orderMay
		}
		v.try(t, file+" missing", im, may, &sum)
		t.Logf("%s missing: %+v", file, sum)
		for _, other := range slices.Sorted(maps.Keys(v.image)) {
			if other <= file || !strings.HasSuffix(file, ".seg") || !strings.HasSuffix(other, ".seg") {
				continue
			}
			im := maps.Clone(v.image)
			im[file], im[other] = im[other], im[file]
			v.try(t, file+" and "+other+" swapped", im, func(err error) bool { return errors.As(err, new(*segment.ForeignError)) }, &sum)
		}
	}
	t.Logf("%+v", sum)
}
