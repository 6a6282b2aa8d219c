// Package million sends a million varied lines through append and export and compares them byte for byte.
package million
