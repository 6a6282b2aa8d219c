// Package netcat talks to the real server with OpenBSD netcat, as a person would.
package netcat
