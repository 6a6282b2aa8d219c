//go:build !linux

package jq

func lowerPriority() {}

// LimitAddresses does nothing here: the watch over the heap has to do.
func LimitAddresses(uint64) {}
