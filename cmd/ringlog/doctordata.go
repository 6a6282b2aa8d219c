package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// data looks at the directory of the segments and the disk under it.
func (d *diagnosis) data() {
	blobs := d.config.Blobs
	if blobs == inMemory {
		d.add("data", doubt, nil, "BLOBS=memory: everything is kept in memory and ends with the process; name a directory to keep it")
		return
	}
	d.dir = blobs
	info, err := os.Stat(blobs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		d.dir = filepath.Dir(filepath.Clean(blobs))
		if !isDirectory(d.dir) {
			d.add("data", bad, nil, "BLOBS: %s can't be made: its parent is missing; make that", blobs)
			d.dir = ""
			return
		}
		d.add("data", fine, nil, "%s will be made by the first start", blobs)
	case err != nil || !info.IsDir():
		d.add("data", bad, nil, "BLOBS: %s is no directory that can be read; name another, or let this user read it", blobs)
		d.dir = ""
		return
	default:
		d.present(info)
	}
	d.disk()
	d.flushes()
}

// present looks at data that is there.
func (d *diagnosis) present(info os.FileInfo) {
	blobs := d.config.Blobs
	facts := map[string]any{"bytes": dataSize(blobs)}
	if err := refuseNoted(blobs); err != nil {
		d.add("data", bad, facts, "%v", err)
		return
	}
	if files, err := fs.ReadOnly(blobs); err == nil {
		defer files.Close()
		store, _, err := segment.View(files)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			d.add("data", bad, facts, "%v", err)
			return
		}
		if err == nil {
			facts["cluster"], facts["node"] = segment.UUID(store.Identity().Cluster), segment.UUID(store.Identity().Node)
			store.Close()
		}
	}
	if info.Mode().Perm()&0o077 != 0 {
		d.add("data", doubt, facts, "%s, %s: others may read it (mode %04o); chmod 700 it", blobs, bytesText(dataSize(blobs)), info.Mode().Perm())
		return
	}
	d.add("data", fine, facts, "%s, %s of segments whose headers and end are as they should be (`ringlog verify` checks all)",
		blobs, bytesText(dataSize(blobs)))
}

const (
	flushBlock  = 4096
	flushFile   = 1 << 20
	mostFlushes = 200
	flushFor    = 2 * time.Second
	// soonFlushed is less than any disk takes that writes before it says so.
	soonFlushed = 15 * time.Microsecond
	lateFlushed = 20 * time.Millisecond
)

// flushes measures what an append waits for: a write into blocks that are there, and a flush.
func (d *diagnosis) flushes() {
	took, err := measureFlushes(d.dir)
	if err != nil {
		d.add("flush", bad, nil, "no file can be written and flushed in %s: %v; let this user write there, or make space", d.dir, err)
		return
	}
	p50, p99, most := took[len(took)/2], took[len(took)*99/100], took[len(took)-1]
	facts := map[string]any{"p50_us": micros(p50), "p99_us": micros(p99), "max_us": micros(most), "flushes": len(took)}
	text := fmt.Sprintf("p50 %v, p99 %v, at most %v: about %.0f appends/s one after the other, many at once share a flush",
		rounded(p50), rounded(p99), rounded(most), 1/p50.Seconds())
	switch {
	case p50 < soonFlushed && d.volatile == "":
		d.volatile = "flushes return sooner than a disk can write, so something may say \"flushed\" too early (a virtual disk with an unsafe cache?)"
		d.add("flush", doubt, facts, "%s; that is sooner than a disk can write: see that the machine under it flushes, too", text)
	case p50 > lateFlushed:
		d.add("flush", doubt, facts, "%s; a disk with a protected cache or an SSD would be faster", text)
	case most > time.Duration(d.config.DiskTimeout):
		d.add("flush", bad, facts, "%s; one took longer than DISK_TIMEOUT, at which a server ends", text)
	default:
		d.add("flush", fine, facts, "%s", text)
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func rounded(d time.Duration) time.Duration { return d.Round(max(1, d/100)) }

// measureFlushes returns how long flushes of a block took, in order of length.
func measureFlushes(dir string) (took []time.Duration, err error) {
	files, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	// A name that a server takes for a leftover, if this process is killed.
	name := fmt.Sprintf("doctor-%d-%d.tmp", os.Getpid(), rand.Uint32())
	file, err := files.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = files.Remove(name) // what is left behind would mean nothing
	}()
	defer file.Close()
	if _, err := file.Write(make([]byte, flushFile)); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil {
		return nil, err
	}
	block := make([]byte, flushBlock)
	for began := time.Now(); len(took) < mostFlushes && (len(took) == 0 || time.Since(began) < flushFor); {
		block[0]++
		start := time.Now()
		_, err := file.WriteAt(block, int64(len(took))%(flushFile/flushBlock)*flushBlock)
		if err := errors.Join(err, datasync(file)); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took, nil
}

func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%d bytes", n)
}

// powerCut says in words what would be lost.
func (d *diagnosis) powerCut() {
	const answered = "an append that was under way may be there or not; sent again with the same producer and seq, or key, it is there once"
	switch {
	case d.config.Blobs == inMemory:
		d.PowerCut = "everything is lost, as at any end of the process: BLOBS=memory."
	case fs.NoSync:
		d.PowerCut = "what was acknowledged last may be lost: this build flushes nothing (nosync). It is for tests."
	case d.dir == "":
		d.PowerCut = "nothing can be kept: there is no place for the data."
	case d.volatile != "":
		d.PowerCut = "what was acknowledged may be lost: " + d.volatile + "."
	default:
		d.PowerCut = "nothing that was acknowledged is lost, if the disk has written what it says it has (SYNC=always: each answer waits\n" +
			"for a flush); " + answered + ".\n" +
			"There is one copy: with the disk the log is gone. `ringlog backup` makes another."
	}
}
