// Package curl tests the server with the real curl, each line as docs/HTTP.md has it, and as
// fluent-bit and Vector send.
package curl
