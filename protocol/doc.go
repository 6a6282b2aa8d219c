// Package protocol is the wire of Ringlog: newline-delimited JSON.
package protocol
