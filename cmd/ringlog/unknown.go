package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// unknownVariables returns a line for each variable of the environment that has our prefix and no
// meaning, as one that was misspelled.
func unknownVariables() []string {
	var known []string
	for _, name := range variablesOfCommands {
		known = append(known, prefix+"_"+name)
	}
	for _, v := range variables(&Config{}) {
		known = append(known, prefix+"_"+v.name)
	}
	var lines []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, prefix+"_") || slices.Contains(known, name) {
			continue
		}
		hint := "`ringlog config` prints those there are"
		if near := closest(name, known); near != "" {
			hint = "did you mean " + near + "?"
		}
		lines = append(lines, fmt.Sprintf("%s is no variable and has no effect; %s", name, hint))
	}
	slices.Sort(lines)
	return lines
}

// closest returns the name that is the fewest edits away, at most two; "" if none is so near.
func closest(name string, names []string) (near string) {
	fewest := 3
	for _, n := range names {
		if d := edits(name, n); d < fewest {
			near, fewest = n, d
		}
	}
	return near
}

// edits is the Levenshtein distance: how many bytes to insert, remove or replace to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1) // from a's beginning so far to each beginning of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
