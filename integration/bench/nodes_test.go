//go:build linux

package main

import "testing"

func TestReplaceSection(t *testing.T) {
	once := replaceSection("before\n", "old\n") + "behind\n"
	const want = "before\n\n" + sectionBegin + "new\n" + sectionEnd + "behind\n"
	if got := replaceSection(once, "new\n"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
