package client

import "sync"

// outcome is what a waiter is to be told.
type outcome struct {
	pending *Pending
	index   uint64
	err     error
}

// outcomes are collected under the lock and told without it.
type outcomes struct{ list []outcome }

var spareOutcomes = sync.Pool{New: func() any { return new(outcomes) }}

// takeOutcomes takes out what is to be told; nil if there is nothing.
func (w *window) takeOutcomes() *outcomes {
	told := w.outcomes
	if len(told.list) == 0 {
		return nil
	}
	w.outcomes = spareOutcomes.Get().(*outcomes)
	return told
}

// deliver tells them, in their order, and lets the list be used again.
func (o *outcomes) deliver() {
	for _, told := range o.list {
		told.pending.settle(told.index, told.err)
	}
	clear(o.list)
	o.list = o.list[:0]
	spareOutcomes.Put(o)
}
