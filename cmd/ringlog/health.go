package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/protocol"
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
			"its disk is full or hangs, it is stopping), 69 if nobody answers. No token is needed, and on this machine\n" +
			"no TLS: it is used there only when the address says tls://, and the certificate looked at only with --ca.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := "/readyz"
			if live {
				path = "/livez"
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), within)
			defer cancel()
			h, err := t.prober()
			if err != nil {
				return err
			}
			said, err := h.ask(ctx, path)
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

// prober asks one server for its health.
type prober struct {
	addr, scheme string
	config       *tls.Config // nil: without TLS
}

// prober says how the server of --addr is asked. On this machine everybody is told, and the certificate
// names what others call it.
func (t *target) prober() (*prober, error) {
	addrs, err := t.load()
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addrs[0])
	if err != nil || len(addrs) > 1 {
		return nil, withCode(exitUsage, fmt.Errorf("--addr: want HOST:PORT, not %q", t.addr))
	}
	h := &prober{addrs[0], "http://", t.config}
	if isLoopback(host) && !strings.HasPrefix(strings.TrimSpace(t.addr), tlsScheme) {
		h.config = nil
	}
	if h.config != nil {
		h.scheme = "https://"
		h.config.InsecureSkipVerify = isLoopback(host) && t.ca == ""
	}
	return h, nil
}

// ask returns what a server says that is well; an error tells why it isn't.
func (h *prober) ask(ctx context.Context, path string) (said string, err error) {
	addr := h.addr
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.scheme+addr+path, nil)
	if err != nil {
		return "", withCode(exitUsage, fmt.Errorf("--addr: want HOST:PORT, not %q", addr))
	}
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext, TLSClientConfig: h.config, DisableKeepAlives: true} // no proxy
	defer transport.CloseIdleConnections()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return "", withCode(exitConnect, h.noAnswer(err))
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
	if failure.Error == protocol.ErrorTLSWanted {
		return "", withCode(exitConnect, wantsTLS(addr))
	}
	return "", errors.New(failure.Error)
}

func (h *prober) noAnswer(err error) error {
	var said *unwelcomeError
	if err = shakeError(h.addr, err); errors.As(err, &said) {
		return err
	}
	return fmt.Errorf("no answer from %s: %w; start a server there, or %s", h.addr, err, otherServer)
}
