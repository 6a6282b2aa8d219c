// Package server starts, kills and starts again the real binary for the other tests.
package server
