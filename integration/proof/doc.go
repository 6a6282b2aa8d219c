// Package proof counts what is tried to break the promises of docs/RELIABILITY.md, and tells what came of it.
// A Part is one thing that is tried again and again: how often, environment variables say; its seed is printed,
// and one row of a table at the end says how it went. What a machine can't do is skipped with "not proven
// here", and counted.
package proof
