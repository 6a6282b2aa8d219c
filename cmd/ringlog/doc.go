// Command ringlog is an append-only log served over TCP in newline-delimited JSON, and the tools to
// use one.
//
// Without an argument it serves. The environment configures the server (`ringlog config` prints every
// variable); the other commands talk to a server at --addr, RINGLOG_ADDR, or HOST and PORT. Standard
// output carries entries or answers only (of a server: its log, JSON lines); everything else goes to
// standard error.
//
// Exit codes: 0; 1 failure; 64 usage; 65 damaged data; 69 can't connect; 74 disk; 78 configuration.
package main
