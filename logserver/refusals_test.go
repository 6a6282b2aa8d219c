package logserver

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestRefusalsAreLimited: what strangers can provoke gives a line a second, which says how
// many were left out.
func TestRefusalsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		var said bytes.Buffer
		logger := zerolog.New(&said)
		for range 3 {
			for i := range 1000 {
				if i%2 == 0 {
					r.Warn(logger, "half a line came")
				} else {
					r.Error(logger, errors.New("damaged"), "an entry is damaged")
				}
				time.Sleep(2 * time.Millisecond)
			}
		}
		if lines := strings.Count(said.String(), "\n"); lines != 6 {
			t.Errorf("%d lines within 6 s: %s", lines, said.String())
		}
		if n := strings.Count(said.String(), `"left_out":499`); n != 5 {
			t.Errorf("%d lines say how many were left out: %s", n, said.String())
		}
	})
}
