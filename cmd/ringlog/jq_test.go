package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/itchyny/gojq"
)

// FuzzFilter: whatever is given as expression and entry, it ends without a panic, and an error of an
// expression shows a place in it.
func FuzzFilter(f *testing.F) {
	for _, expression := range []string{".", ".a[0]", "select(.a)", ". |", "\"\\(", "\n\t.é }", "range(infinite)", "halt", "input", "$ENV", "def f: f; f"} {
		f.Add(expression, `{"a":[1.50,{"é":null}]}`)
	}
	f.Fuzz(func(t *testing.T, expression, entry string) {
		filter, err := newFilter(expression, false)
		if err != nil {
			if err.Error() == "" || exitCode(err) != exitUsage {
				t.Errorf("%q: %v", expression, err)
			}
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		enough, lines := errors.New("enough"), 0
		_ = filter.run(ctx, []byte(entry), func([]byte) error {
			if lines++; lines > 100 {
				return enough
			}
			return nil
		})
	})
}

func TestWhereIn(t *testing.T) {
	for _, c := range []struct{ expression, where string }{
		{".a | }", "; line 1, character 6:\n  .a | }\n       ^"},
		{"\"é\"\n| }", "; line 2, character 3:\n  | }\n    ^"},
		{".a |", "; line 1, character 5:\n  .a |\n      ^"},
	} {
		_, err := gojq.Parse(c.expression)
		if where := whereIn(c.expression, err); where != c.where {
			t.Errorf("%q: %q, want %q", c.expression, where, c.where)
		}
	}
}
