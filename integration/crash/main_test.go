package crash

import (
	"fmt"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	filterIfAsked()
	code := m.Run()
	if err := publish(); err != nil {
		fmt.Fprintln(os.Stderr, "SUMMARY:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}
