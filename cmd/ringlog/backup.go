package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/blobstore/segment"
	"github.com/ringlog/ringlog/blobstore/segment/fs"
	"github.com/ringlog/ringlog/logserver/cluster"
)

func newBackup() *cobra.Command {
	var asJSON bool
	var rate Size
	command := &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the data that BLOBS names to DIR, also beside a running server; again: only what is new",
		Long: "Copy the segments that BLOBS names to DIR, which is made if its parent exists. A server may be running; the\n" +
			"backup then holds everything that it had acknowledged when the backup began. The next backup to the same\n" +
			"directory copies only what has come since. What is copied is checked; a backup of damaged data is refused.\n" +
			"Broken off, the backup is a good one of less, and the next one goes on.\n\n" +
			"Of a node of a cluster it is the data of that node, which is asked first, on its PEER_PORT, to wait until it has\n" +
			"everything that any node had acknowledged. One node's backup is enough where each has all content.\n\n" +
			"`BLOBS=DIR ringlog verify` checks a backup, `ringlog restore DIR` makes data to serve of it. While no server\n" +
			"runs, none can start during the backup.",
		Args: oneDirectory,
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := loadConfig()
			if err != nil {
				return err
			}
			return runBackup(cmd.Context(), cmd.OutOrStdout(), config, args[0], int64(rate), asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the result as one JSON object")
	command.Flags().Var(&rate, "rate", "read at most `SIZE` a second, as 50MiB (default: as fast as it goes)")
	return command
}

// oneDirectory wants exactly the directory of a backup.
func oneDirectory(_ *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return withCode(exitUsage, errors.New("want one directory, that of the backup"))
	}
	return nil
}

func runBackup(ctx context.Context, out io.Writer, config *Config, dir string, rate int64, asJSON bool) error {
	from, whole, err := openToCopy(config)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := fitForBackup(config.Blobs, dir); err != nil {
		return err
	}
	to, err := fs.Dir(dir)
	if err != nil {
		return withCode(dirCode(err), fmt.Errorf("the backup: %w", err))
	}
	defer to.Close()
	if err := putNote(filepath.Join(dir, backupNote), isBackup); err != nil {
		return withCode(exitDisk, err)
	}
	var behind string
	if !whole && config.PeerPort != "" {
		behind = awaitNewest(ctx)
	}
	began, meter := time.Now(), newProgress(os.Stderr, "backup", max(0, dataSize(config.Blobs)-dataSize(dir)))
	pace := &pace{rate: rate, began: began}
	copied, err := segment.Backup(from, to, segment.CopyOptions{Whole: whole, Progress: func(n uint64) { meter.add(n); pace.wait(n) }})
	meter.end()
	if err != nil {
		return backupError(config, dir, err)
	}
	result := newCopyResult(&copied, time.Since(began))
	if behind != "" {
		result.Warnings = append(result.Warnings, behind)
	}
	return sayCopied(out, asJSON, "backed up to "+dir, result)
}

// newestTime is how long a node may take to come to where the others are.
const newestTime = time.Minute

// awaitNewest waits until the running node has stored all that was acknowledged anywhere in its cluster. What it returns
// says why that isn't known, or what it hasn't; empty: it has all.
func awaitNewest(ctx context.Context) string {
	links, address, err := new(admin).dial()
	if err == nil {
		defer links.Close()
		ctx, cancel := context.WithTimeout(ctx, newestTime)
		defer cancel()
		err = cluster.Call(ctx, links, address, "newest", nil, nil)
	}
	if err == nil {
		return sharedWarning(ctx, links, address)
	}
	return fmt.Sprintf("the backup has what this node has, which may lack what others have acknowledged: the node could not be asked on its PEER_PORT: %v", err)
}

// sharedWarning says so where the node needn't have all content; empty: it is to have all.
func sharedWarning(ctx context.Context, links *peer.Links, address string) string {
	ctx, cancel := context.WithTimeout(ctx, newestTime)
	defer cancel()
	var st cluster.Status
	if err := cluster.Call(ctx, links, address, "status", nil, &st); err != nil || st.Settings == nil || len(st.Members) <= st.Settings.Replicas {
		return ""
	}
	return fmt.Sprintf("the backup lacks content: of %d members %d hold the same, and it has what this one holds; `ringlog export` of any member has every entry",
		len(st.Members), st.Settings.Replicas)
}

// openToCopy opens the data for reading: whole when no server has it, which then can't start
// meanwhile, so that what a start would keep is copied, too.
func openToCopy(config *Config) (files fs.FS, whole bool, err error) {
	readable, err := openToRead(config, "back up")
	if err != nil {
		return nil, false, err
	}
	if _, err := os.Stat(filepath.Join(config.Blobs, restoreNote)); err == nil {
		readable.Close()
		return nil, false, errRestoring(config.Blobs)
	}
	locked, err := fs.Dir(config.Blobs)
	if err == nil {
		return locked, true, readable.Close()
	}
	var inUse *fs.LockedError
	if errors.As(err, &inUse) || errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return readable, false, nil
	}
	return nil, false, errors.Join(withCode(exitDisk, fmt.Errorf("BLOBS: %w", err)), readable.Close())
}

// fitForBackup refuses directories that are no place for a backup of the data.
func fitForBackup(blobs, dir string) error {
	names, err := namesIn(dir)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Dir(filepath.Clean(dir))); err != nil {
			return configErrorf("the backup: want a directory whose parent exists: %w", err)
		}
		return nil
	}
	if err != nil {
		return configErrorf("the backup: want a directory: %w", err)
	}
	data, err := os.Stat(blobs)
	if err != nil {
		return err
	}
	if backup, err := os.Stat(dir); err == nil && os.SameFile(backup, data) {
		return configErrorf("the backup: want another directory than BLOBS, %s", blobs)
	}
	if len(names) > 0 && !slices.Contains(names, backupNote) {
		return configErrorf("the backup: want a new or empty directory, or one of an earlier backup: %s holds %s", dir, names[0])
	}
	return nil
}

// namesIn lists what is in a directory, but for what every file system and every opened directory has.
func namesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); name != "lost+found" && name != fs.LockName {
			names = append(names, name)
		}
	}
	return names, err
}

// backupError says what can be done about an error of a backup.
func backupError(config *Config, dir string, err error) error {
	var damage *segment.DamageError
	switch {
	case errors.Is(err, os.ErrNotExist):
		return configErrorf("BLOBS: want the directory to back up: %s: %w; %s", config.Blobs, err, whereData)
	case errors.Is(err, segment.ErrParted):
		return withCode(exitData, fmt.Errorf("%w: is BLOBS an old copy of the data? the backup stays as it was: "+
			"`ringlog restore %s` has what it holds; to go on from here, back up to another directory", err, dir))
	case errors.Is(err, segment.ErrDiskFull):
		return withCode(exitDisk, fmt.Errorf("%w; make space, and back up again: it goes on where it stopped", err))
	case errors.As(err, &damage):
		return withCode(exitData, fmt.Errorf("%w; `ringlog verify` says what is lost; what was backed up before stays good", err))
	}
	return withCode(dataCode(err), err)
}

// dirCode is the exit code for a directory that can't be opened.
func dirCode(err error) int {
	var locked *fs.LockedError
	if errors.As(err, &locked) {
		return exitConfig
	}
	return exitDisk
}

// copyResult is the result of backup and of restore, as --json prints it.
type copyResult struct {
	Cluster  string   `json:"cluster"`
	Node     string   `json:"node"`
	Files    int      `json:"files"`
	Written  int      `json:"files_written"`
	Bytes    int64    `json:"bytes_written"`
	Took     float64  `json:"seconds"`
	Logs     int      `json:"logs,omitempty"`    // of a restore
	Entries  uint64   `json:"entries,omitempty"` // of a restore
	Gone     uint64   `json:"lost_entries,omitempty"`
	Left     int      `json:"members_left_behind,omitempty"` // of a restore
	Warnings []string `json:"warnings,omitempty"`

	together bool // a restore's: it was a node of a cluster, whose number isn't that of a node that is alone
}

func newCopyResult(c *segment.Copied, took time.Duration) *copyResult {
	return &copyResult{
		Cluster: segment.UUID(c.Identity.Cluster), Node: segment.UUID(c.Identity.Node),
		Files: c.Files, Written: c.Written, Bytes: c.Bytes, Took: took.Seconds(), Warnings: c.Warnings,
	}
}

func sayCopied(out io.Writer, asJSON bool, what string, r *copyResult) error {
	for _, warning := range r.Warnings {
		fmt.Fprintf(os.Stderr, "ringlog: %s\n", warning)
	}
	if asJSON {
		line, _ := json.Marshal(r) // it has nothing that can't be marshaled
		_, err := fmt.Fprintf(out, "%s\n", line)
		return err
	}
	took := time.Duration(r.Took * float64(time.Second)).Round(time.Millisecond)
	_, err := fmt.Fprintf(out, "%s: %d of %d segments written, %d bytes (%v, %.0f MB/s), cluster %s\n",
		what, r.Written, r.Files, r.Bytes, took, float64(r.Bytes)/1e6/max(r.Took, 1e-9), r.Cluster)
	return err
}

// pace keeps a copy at a rate.
type pace struct {
	rate  int64 // bytes a second; 0: any
	began time.Time
	done  int64
}

// wait waits until n more bytes may have been read.
func (p *pace) wait(n uint64) {
	if p.rate == 0 {
		return
	}
	p.done += int64(n)
	due := p.began.Add(time.Duration(float64(p.done) / float64(p.rate) * float64(time.Second)))
	if ahead := time.Until(due); ahead > 0 {
		time.Sleep(ahead)
	}
}
