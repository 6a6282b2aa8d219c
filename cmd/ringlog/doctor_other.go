//go:build !linux

package main

import "os"

// disk does nothing: what is asked for is told by Linux only.
func (d *diagnosis) disk() {
	d.add("file system", doubt, nil, "can't be told on this system; the tests of power cuts are made on Linux")
}

func clockSynchronized() (synchronized, known bool) { return false, false }

func datasync(file *os.File) error { return file.Sync() }

func (d *diagnosis) openFiles() {}
