package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Look whether this machine and configuration are fit for a server, and say what a power cut would lose",
		Long: "Look whether this machine and the configuration are fit for a server: how long a flush takes where BLOBS lies, what\n" +
			"file system that is, the clock, limits, free space; and say what a power cut would lose. A server may be\n" +
			"running. A file of 1 MiB is made in BLOBS, or in the directory that it will be in, and removed again.\n" +
			"The exit code is 1 if something is not fit, 78 if the configuration is wrong.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.OutOrStdout(), asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	return command
}

// level says how bad it is what a check has found.
type level string

const (
	fine  level = "ok"
	doubt level = "warn"
	bad   level = "fail"
)

// finding is the result of one check.
type finding struct {
	Check string         `json:"check"`
	Level level          `json:"level"`
	Text  string         `json:"text"` // with what to do, unless it is fine
	Facts map[string]any `json:"facts,omitempty"`
}

// diagnosis is all that doctor has found.
type diagnosis struct {
	config   *Config
	dir      string    // where files of BLOBS lie, or will
	Findings []finding `json:"findings"`
	PowerCut string    `json:"power_cut"`

	volatile string // why what is flushed may be lost; "": it isn't known to be
}

func (d *diagnosis) add(check string, l level, facts map[string]any, format string, args ...any) {
	d.Findings = append(d.Findings, finding{check, l, fmt.Sprintf(format, args...), facts})
}

func runDoctor(out io.Writer, asJSON bool) error {
	config, err := loadConfig()
	if err == nil {
		_, err = config.secure()
	}
	if err != nil {
		return err
	}
	d := &diagnosis{config: config}
	d.configuration()
	d.data()
	d.machine()
	d.powerCut()
	if err := d.print(out, asJSON); err != nil {
		return err
	}
	return d.verdict()
}

// verdict is an error if something is not fit.
func (d *diagnosis) verdict() error {
	for i := range d.Findings {
		if d.Findings[i].Level == bad {
			return errors.New("not fit for a server as it is")
		}
	}
	return nil
}

func (d *diagnosis) print(out io.Writer, asJSON bool) error {
	if asJSON {
		line, err := json.Marshal(d)
		if err == nil {
			_, err = fmt.Fprintf(out, "%s\n", line)
		}
		return err
	}
	colors := map[level]string{fine: green, doubt: yellow, bad: red}
	var text strings.Builder
	for i := range d.Findings {
		f := &d.Findings[i]
		mark := colored(out, colors[f.Level], fmt.Sprintf("%-4s", f.Level))
		fmt.Fprintf(&text, "%s  %-13s  %s\n", mark, f.Check, f.Text)
	}
	fmt.Fprintf(&text, "\nIn a power cut: %s\n", d.PowerCut)
	_, err := io.WriteString(out, text.String())
	return err
}
