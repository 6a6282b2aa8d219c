package main

import (
	"bytes"
	"encoding/json"
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
		if lines, dropped := count(t, text); dropped == 0 || lines+dropped != 1000 {
			t.Errorf("%d lines and %d dropped of 1000: %q", lines, dropped, text)
		}
		if len(text) > 400 {
			t.Errorf("%d bytes were kept, the limit is 100", len(text))
		}
	})
}

// count counts the log lines, and those that are said to be missing.
func count(t *testing.T, text string) (lines, dropped int) {
	t.Helper()
	for line := range strings.Lines(text) {
		var said struct{ Dropped int }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatal(err)
		}
		if said.Dropped == 0 {
			lines++
		}
		dropped += said.Dropped
	}
	return lines, dropped
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
