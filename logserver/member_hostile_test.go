package logserver

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/ringlog/ringlog/logserver/order"
)

// A node that gets wrong bytes from another, for every content, refuses them, counts that, and has
// the content from a third one: nobody is ever served what doesn't hash to its digest.
func TestWrongBytesOfAnotherNode(t *testing.T) {
	n, logs := three(t)
	n.mu.Lock()
	n.spoil = func(from, to uint64, kind byte, payload []byte) []byte {
		if from != 1 || to != 3 || order.MessageKind(kind) != order.MessagePut {
			return payload
		}
		spoilt := slices.Clone(payload)
		spoilt[len(spoilt)-2] ^= 1
		return spoilt
	}
	n.mu.Unlock()
	d := newLedger()
	r := rand.New(rand.NewPCG(3, 3))
	for i := range 100 {
		d.append(logs[1], r, i)
	}
	until(t, "answers", d.answered)
	until(t, "the one that is lied to", func() bool { return logs[3].Newest(context.Background()) == nil })
	mustHold(t, logs[3], d.snapshot())
	var counted dto.Metric
	if err := logs[3].metrics.refused.WithLabelValues("foreign content").Write(&counted); err != nil || counted.GetCounter().GetValue() == 0 {
		t.Errorf("nothing was refused: %v", err)
	}
	closeAll(t, logs)
}
