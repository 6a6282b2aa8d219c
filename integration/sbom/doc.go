// Command sbom writes what a Go binary is made of, as it says itself, as CycloneDX JSON to standard
// output: nothing but the binary decides, so that equal binaries have equal lists.
package main
