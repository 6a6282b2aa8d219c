package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func newHealth() *cobra.Command {
	var t target
	var live bool
	var within time.Duration
	command := &cobra.Command{
		Use:   "health",
		Short: "Ask a server whether it is ready",
		Long: "Ask a server whether it is ready, as /readyz tells it: that is what the health check of the container\n" +
			"image does. The exit code is 0 if it is, 1 if it isn't (standard error says why: it is being opened,\n" +
			"its disk is full or hangs, it is stopping), 69 if nobody answers.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/readyz"
			if live {
				path = "/livez"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), within)
			defer cancel()
			said, err := askHealth(ctx, t.addr, path)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), said)
			return err
		},
	}
	t.addAddr(command)
	command.Flags().BoolVar(&live, "live", false, "ask only whether it answers, as /livez tells it: also while it is being opened")
	command.Flags().DurationVar(&within, "within", connectTimeout, "how long the answer may take")
	return command
}

// maxHealth is how many bytes of an answer are looked at.
const maxHealth = 64 << 10

// askHealth returns what a server says that is well; an error tells why it isn't.
func askHealth(ctx context.Context, addr, path string) (said string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", withCode(exitUsage, fmt.Errorf("--addr: want HOST:PORT, not %q", addr))
	}
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true} // no proxy
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", withCode(exitConnect, fmt.Errorf("no answer from %s: %w; start a server there, or %s", addr, err, otherServer))
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxHealth))
	if err != nil {
		return "", withCode(exitConnect, fmt.Errorf("no whole answer from %s: %w", addr, err))
	}
	if answer.StatusCode == http.StatusOK {
		return string(body), nil
	}
	var failure struct{ Error string }
	if json.Unmarshal(body, &failure) != nil || failure.Error == "" {
		return "", withCode(exitConnect, fmt.Errorf("%s is no Ringlog, it answers %s; %s", addr, answer.Status, otherServer))
	}
	return "", errors.New(failure.Error)
}
