//go:build linux

// Command bench compares Ringlog with Redis Streams, NATS JetStream and npm's tcp-log-server: the same
// load generator, the same entries and windows, each server a process of its own with an empty directory
// for every run, runs interleaved (A B C D, A B C D …).
//
//	bench [-systems NAMES] [-columns NAMES] [-rounds N] [-seconds S] [-ringlog BINARY] [-out FILE]
//
// With -nodes N each server is a cluster of N nodes, those of Ringlog and JetStream; what clients see with the node
// that leads and with all of them, and what the leader sends to the others.
//
// -columns takes names or beginnings of names: append, append-1x1, read, fanout-100. -systems takes
// NAME=BINARY for another build of Ringlog; ratios are those of the first system to each other one.
// `make bench` installs what is needed and runs all of it. See package load for how it is measured,
// wire for what is sent, system for how the servers are configured.
package main
