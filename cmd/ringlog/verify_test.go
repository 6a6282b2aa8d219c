package main

import (
	"bytes"
	"testing"
)

// Where it can't be told what is lost, nothing says that nothing is.
func TestWhatCantBeToldIsNotCalledGood(t *testing.T) {
	for _, test := range []struct {
		untold bool
		want   string
	}{
		{true, "x.seg, offset 8, 16 bytes: no frame begins here\n"},
		{false, "x.seg, offset 8, 16 bytes: no frame begins here: no entry is lost\n" +
			"1 damages, 16 bytes of files; 0 entries are lost by them\n"},
	} {
		var out bytes.Buffer
		v := verdict{Damage: []damaged{{File: "x.seg", Offset: 8, Bytes: 16, What: "no frame begins here"}}, untold: test.untold}
		if err := v.showDamage(&out, false); err != nil || out.String() != test.want {
			t.Errorf("%v: %q", err, out.String())
		}
	}
}
