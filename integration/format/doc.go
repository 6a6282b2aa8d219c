// Package format puts docs/STORAGE.md to the test: reader.py, written from that page alone with Python's standard
// library, must give of any directory what ringlog gives. Where it doesn't, the page is mended first.
package format
