package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestLogWriterKeepsOrder(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out bytes.Buffer
	w := newLogWriter(&out, 1<<20)
	var want strings.Builder
	for i := range 1000 {
		line := fmt.Sprintf("{\"n\":%d}\n", i)
		want.WriteString(line)
		io.WriteString(w, line)
	}
	if !w.Close(time.Minute) {
		t.Fatal("not closed")
	}
	if out.String() != want.String() {
		t.Errorf("got %d bytes, want %d", out.Len(), want.Len())
	}
}

func TestLogWriterNeverWaitsForAStalledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, stalled := io.Pipe()
		w := newLogWriter(stalled, 100)
		for range 1000 {
			io.WriteString(w, "{\"n\":123456}\n") // would hang here if it waited
		}
		if w.Close(time.Second) {
			t.Error("closed although nobody read")
		}
		text, drained := "", make(chan struct{})
		go func() {
			all, _ := io.ReadAll(reader)
			text = string(all)
			close(drained)
		}()
		<-w.done
		stalled.Close()
		<-drained
		if !strings.Contains(text, `"log lines dropped","dropped":9`) {
			t.Errorf("nothing said about what was dropped: %q", text)
		}
		if len(text) > 400 {
			t.Errorf("%d bytes were kept, the limit is 100", len(text))
		}
	})
}

type goneReader struct{ writes int }

func (g *goneReader) Write([]byte) (int, error) {
	g.writes++
	return 0, errors.New("broken pipe")
}

func TestLogWriterSurvivesAGoneReader(t *testing.T) {
	gone := &goneReader{}
	w := newLogWriter(gone, 1<<20)
	for range 10 {
		io.WriteString(w, "{}\n")
	}
	if !w.Close(time.Minute) {
		t.Fatal("not closed")
	}
	if gone.writes == 0 {
		t.Error("nothing was tried")
	}
}
