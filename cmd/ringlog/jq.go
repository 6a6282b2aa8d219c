package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/itchyny/gojq"
)

// filter is a jq expression that entries are sent through.
type filter struct {
	code *gojq.Code
	raw  bool // print strings without their quotes
}

// errHalt ends a read because the expression says halt.
var errHalt = errors.New("halted")

// newFilter compiles an expression. The error shows where it is wrong.
func newFilter(expression string, raw bool) (*filter, error) {
	query, err := gojq.Parse(expression)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("--jq: %w%s", err, whereIn(expression, err)))
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("--jq: %w", err))
	}
	return &filter{code, raw}, nil
}

// whereIn shows the line of an expression in which an error lies, and the place in it.
func whereIn(expression string, err error) string {
	var parse *gojq.ParseError
	if !errors.As(err, &parse) {
		return ""
	}
	at := max(0, min(parse.Offset, len(expression))-len(parse.Token))
	begin := strings.LastIndexByte(expression[:at], '\n') + 1
	line, _, _ := strings.Cut(expression[begin:], "\n")
	number := strings.Count(expression[:at], "\n") + 1
	column := len([]rune(expression[begin:at]))
	return fmt.Sprintf("; line %d, character %d:\n  %s\n  %s^", number, column+1, strings.ReplaceAll(line, "\t", " "), strings.Repeat(" ", column))
}

// run calls line for each result of the expression for a value, as a line of JSON.
func (f *filter) run(ctx context.Context, text []byte, line func([]byte) error) error {
	value, err := parseValue(text)
	if err != nil {
		return err
	}
	results := f.code.RunWithContext(ctx, value)
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := result.(error); failed {
			if halt := (*gojq.HaltError)(nil); errors.As(err, &halt) && halt.Value() == nil {
				return errHalt
			}
			return err
		}
		if err := f.print(result, value, text, line); err != nil {
			return &outputError{err}
		}
	}
}

// outputError tells an error of writing a result from one of the expression.
type outputError struct{ error }

func (e *outputError) Unwrap() error { return e.error }

func (f *filter) print(result, value any, text []byte, line func([]byte) error) error {
	if f.raw {
		if s, ok := result.(string); ok {
			return line([]byte(s))
		}
	}
	if same(result, value) {
		return line(text) // as it was written: order of keys, and all
	}
	encoded, err := gojq.Marshal(result)
	if err != nil {
		return err
	}
	return line(encoded)
}

// parseValue reads JSON for gojq, numbers as they are written.
func parseValue(text []byte) (value any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return value, decoder.Decode(&value)
}

// same reports whether a result is the value that was put in, not only equal to it.
func same(result, value any) bool {
	a, b := reflect.ValueOf(result), reflect.ValueOf(value)
	if !a.IsValid() || !b.IsValid() || a.Kind() != b.Kind() || a.Kind() != reflect.Map && a.Kind() != reflect.Slice {
		return false
	}
	return a.Len() == b.Len() && a.Pointer() == b.Pointer()
}
