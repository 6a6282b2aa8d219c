package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// configuration looks at what the environment says, beyond what stops a start.
func (d *diagnosis) configuration() {
	if unknown := unknownVariables(); len(unknown) > 0 {
		d.add("configuration", doubt, nil, "%s", strings.Join(unknown, "; "))
	} else {
		d.add("configuration", fine, nil, "as `ringlog config` prints it")
	}
	if exposed := d.config.exposure(); exposed != "" && !isLoopback(d.config.Host) {
		d.add("access", doubt, nil, "%s: %s; keep strangers from it", d.config.Host, exposed)
	}
	address := net.JoinHostPort(d.config.Host, strconv.FormatInt(int64(d.config.Port), 10))
	listener, err := net.Listen("tcp", address)
	if err == nil {
		listener.Close()
		d.add("address", fine, nil, "%s is free", address)
		return
	}
	t := target{addr: defaultAddr()}
	var known *unwelcomeError // it is one, and doesn't let us in
	if _, knocked := t.knock(context.Background()); knocked == nil || errors.As(knocked, &known) {
		d.add("address", fine, nil, "a server answers at %s", t.addr)
		return
	}
	d.add("address", bad, nil, "no server can listen there: %v; choose another PORT or HOST", err)
}

// machine looks at clock, memory and limits.
func (d *diagnosis) machine() {
	d.clock()
	d.openFiles()
	available, memory := availableMemory(), int64(d.config.Memory)
	facts := map[string]any{"available": available, "memory": memory}
	if memory > available/2 {
		d.add("memory", doubt, facts, "MEMORY is %s of the %s there are; half is left for all else: make it less", bytesText(memory), bytesText(available))
	} else {
		d.add("memory", fine, facts, "MEMORY is %s of the %s there are", bytesText(memory), bytesText(available))
	}
}

// clock looks whether time is kept, and whether it has gone back since data was written.
func (d *diagnosis) clock() {
	now := time.Now()
	if d.config.Blobs != inMemory {
		if info, err := os.Stat(filepath.Join(d.config.Blobs, "MARK")); err == nil && info.ModTime().After(now.Add(time.Second)) {
			d.add("clock", doubt, nil, "it is %v behind the last append, whose time new entries get until it has caught up; set it",
				info.ModTime().Sub(now).Round(time.Second))
			return
		}
	}
	synchronized, known := clockSynchronized()
	switch {
	case !known:
		d.add("clock", fine, nil, "%s; whether it is synchronized can't be told here", now.UTC().Format(time.RFC3339))
	case synchronized:
		d.add("clock", fine, nil, "%s, synchronized", now.UTC().Format(time.RFC3339))
	default:
		d.add("clock", doubt, nil, "%s, not synchronized, says the kernel: entries get the times that it has; run an NTP client", now.UTC().Format(time.RFC3339))
	}
}

// needSpace is how many segments' space should be there.
const needSpace = 4

// space judges how much the disk has left.
func (d *diagnosis) space(free, total, inodes int64) {
	facts := map[string]any{"free": free, "total": total, "inodes": inodes}
	segment := int64(d.config.Segment)
	switch {
	case inodes == 0:
		d.add("free space", bad, facts, "no file can be made: the file system has no inodes left; remove files")
	case free < segment:
		d.add("free space", bad, facts, "%s, less than one segment (%s): appends will be refused soon; make space", bytesText(free), bytesText(segment))
	case free < needSpace*segment || free < total/20:
		d.add("free space", doubt, facts, "%s of %s: when it is used up, appends are refused; make space", bytesText(free), bytesText(total))
	default:
		d.add("free space", fine, facts, "%s of %s", bytesText(free), bytesText(total))
	}
}
