// Package netcat talks to the real server with every netcat there is, by the lines of docs/NETCAT.md.
package netcat
