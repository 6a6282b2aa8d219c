package logserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/check"
)

// TestFullDiskAtStart: a server that was killed on a full disk starts, gives what it has,
// refuses appends, is stopped in order, and takes appends when there is space again.
func TestFullDiskAtStart(t *testing.T) {
	disk := fs.Memory()
	disk.SetSpace(1 << 20)
	addr, stop := started(t, disk)
	t.Cleanup(stop)
	next := fillUp(t, addr, 1)
	disk.SetSpace(disk.Used())
	disk = disk.Kill()
	for _, end := range []string{"kill", "stop", "kill", "stop"} {
		addr, stop := started(t, disk)
		t.Cleanup(stop)
		k := dial(t, addr)
		k.send(`{"from":1,"follow":false}` + "\n")
		for i := 1; i < next; i++ {
			if r := k.receive(); r.Index != uint64(i) {
				t.Fatalf("%+v, want entry %d", r, i)
			}
		}
		k.expect(`{"current":true}`)
		k.send(fmt.Sprintf(`{"id":"a","producer":"p","seq":%d,"entry":["%s"]}`+"\n", next, strings.Repeat("x", 30_000)))
		k.expect(`{"id":"a","error":"disk full"}`)
		if end == "stop" {
			stop()
		} else {
			disk = disk.Kill()
		}
	}
	disk.SetSpace(2 << 20)
	addr, stop = started(t, disk)
	t.Cleanup(stop)
	if next = fillUp(t, addr, next); next < 60 {
		t.Errorf("%d entries", next)
	}
	stop()
	if report, err := check.Data(check.Options{Files: disk}); err != nil {
		t.Errorf("check: %v (%+v)", err, report)
	}
}

// started serves what a disk holds, until stop ends that in order.
func started(t *testing.T, disk fs.FS) (addr string, stop func()) {
	t.Helper()
	l, err := logserver.Open(logserver.Options{Files: disk, Segment: segment.MinSize})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := logserver.NewServer(l, logserver.ServerOptions{
		StopTimeout: time.Millisecond, StopGrace: time.Millisecond, Linger: time.Millisecond, LostPause: 1,
	})
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	stop = sync.OnceFunc(func() {
		if err := errors.Join(s.Shutdown(context.Background()), l.Close()); err != nil {
			t.Error(err)
		}
		<-done
	})
	return listener.Addr().String(), stop
}

// fillUp appends from a number on until the disk is full, and takes what is left of it.
// It returns the number of the first entry that was refused.
func fillUp(t *testing.T, addr string, next int) int {
	t.Helper()
	k := dial(t, addr)
	for ; ; next++ {
		k.send(fmt.Sprintf(`{"id":"%d","producer":"p","seq":%d,"entry":["%s"]}`+"\n", next, next, strings.Repeat("x", 20_000)))
		switch r := k.receive(); {
		case r.Error == "disk full":
			return next
		case r.Index != uint64(next):
			text, _ := json.Marshal(r)
			t.Fatalf("%s, want %d", text, next)
		}
	}
}
