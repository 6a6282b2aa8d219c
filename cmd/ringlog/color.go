package main

import "os"

// colored is a text in a colour, where out is a terminal and NO_COLOR (https://no-color.org) isn't set.
func colored(out any, color, text string) string {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !isTerminal(file) {
		return text
	}
	return color + text + "\x1b[0m"
}

const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
)
