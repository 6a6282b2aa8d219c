package sim

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ringlog/ringlog/logserver/order/sim"
)

// model is a log as a client sees it: its state is the head; an append gets the index
// behind it, and a question for the head gets the head.
var model = porcupine.Model{
	Init: func() any { return uint64(0) },
	Step: func(state, input, output any) (bool, any) {
		head, entries, value := state.(uint64), input.(int), output.(uint64)
		if entries == 0 {
			return value == head, head
		}
		return value == head+1, head + uint64(entries)
	},
}

// linear tells whether each log of a history is linearizable.
func linear(t *testing.T, history []sim.Operation) bool {
	logs := map[string][]porcupine.Operation{}
	for _, o := range history {
		logs[o.Log] = append(logs[o.Log], porcupine.Operation{
			ClientId: o.Client, Input: o.Append, Output: o.Value, Call: int64(o.Asked), Return: int64(o.Ended),
		})
	}
	for log, operations := range logs {
		switch porcupine.CheckOperationsTimeout(model, operations, time.Minute) {
		case porcupine.Illegal:
			return false
		case porcupine.Unknown:
			t.Errorf("log %s with %d operations: not decided within a minute", log, len(operations))
		}
	}
	return true
}

// TestHistories: what the clients of simulated clusters see is linearizable. SEEDS=n.
func TestHistories(t *testing.T) {
	seeds, err := strconv.ParseUint(os.Getenv("SEEDS"), 10, 64)
	if err != nil {
		seeds = 100
	}
	operations := 0
	for seed := uint64(1); seed <= seeds; seed++ {
		r := sim.Run(seed, sim.Options{Clients: 8})
		if r.Err != nil {
			t.Fatal(r.String())
		}
		operations += len(r.History)
		if !linear(t, r.History) {
			t.Errorf("seed %d: not linearizable", seed)
		}
	}
	t.Logf("%d operations", operations)
}

// TestNoticed: a history in which one answer is wrong is not linearizable.
func TestNoticed(t *testing.T) {
	r := sim.Run(1, sim.Options{})
	if r.Err != nil {
		t.Fatal(r.String())
	}
	noticed, heads := 0, 0
	for i, o := range r.History {
		if o.Append > 0 || o.Value == 0 {
			continue
		}
		heads++
		r.History[i].Value = o.Value - 1
		if !linear(t, r.History) {
			noticed++
		}
		r.History[i].Value = o.Value
	}
	if noticed == 0 || !linear(t, r.History) {
		t.Errorf("of %d heads told too low %d were noticed", heads, noticed)
	}
}
