//go:build !unix

package jq

import "time"

var began = time.Now()

// processorTime returns what comes nearest to it here.
func processorTime() time.Duration { return time.Since(began) }
