package crash

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringlog/ringlog/integration/load"
	"github.com/ringlog/ringlog/integration/server"
)

// together starts three nodes of one cluster; when it returns each votes.
func together(t *testing.T) (nodes []*server.Server) {
	t.Helper()
	names := []string{"a", "b", "c"}
	var peers []string
	for range names {
		peers = append(peers, server.FreeAddress(t))
	}
	for i, name := range names {
		nodes = append(nodes, server.New(t, server.Dir(t), map[string]string{
			"NODE": name, "INSECURE": "true", "PEER_PORT": peers[i], "PEERS": strings.Join(peers, ","), "EXPECT": "3", "SEGMENT": "1MiB",
		}))
	}
	var serving []<-chan struct{}
	for _, n := range nodes {
		serving = append(serving, n.Launch())
	}
	for i, n := range nodes {
		<-serving[i]
		await(t, "three to vote", func() bool {
			st := standing(t, n)
			return st.State == "joined" && st.count("voter") == 3
		})
	}
	return nodes
}

// status is what a node says of its cluster.
type status struct {
	State          string
	Number, Leader uint64
	Members        []struct{ Name, Role string }
}

func standing(t *testing.T, n *server.Server) (st status) {
	t.Helper()
	if err := json.Unmarshal(n.Run("cluster", "status", "--json"), &st); err != nil {
		t.Fatal(err)
	}
	return st
}

func (s status) count(role string) (n int) {
	for _, m := range s.Members {
		if m.Role == role {
			n++
		}
	}
	return n
}

func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(server.Patience); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited for %s", what)
		}
	}
}

// TestBackupOfAFollower: a backup of a node that doesn't lead, made while all three are loaded, has everything that any of them
// had acknowledged before it began. What is restored of it is a cluster of one, which serves without the others, and to
// which other nodes come.
func TestBackupOfAFollower(t *testing.T) {
	s := newSeries(t, backups)
	r := newRun(t, s.seed(), nil)
	nodes := together(t)
	follower := nodes[0]
	if st := standing(t, follower); st.Leader == st.Number {
		follower = nodes[1]
	}
	directory := filepath.Join(follower.Dir, "backup")
	for i := range 3 {
		var loads []*load.Load
		for j, n := range nodes {
			l := load.Start(t.Context(), r.ledger, load.At(n.Addr), uint32(1+(3*i+j)*writers), writers/2, 1)
			t.Cleanup(l.Cut)
			loads = append(loads, l)
		}
		r.pause(300*time.Millisecond, 900*time.Millisecond)
		acknowledged := r.ledger.Head()
		r.server = follower
		r.backUp(directory)
		for _, l := range loads {
			l.Finish()
		}
		r.must(r.restored(directory, acknowledged))
		t.Logf("%d entries were acknowledged when backup %d began", acknowledged, i)
	}
	r.must(r.regrown(directory))
}

// regrown restores a backup and has another node join what is restored.
func (r *run) regrown(directory string) error {
	port := server.FreeAddress(r.t)
	restored := server.New(r.t, server.Dir(r.t), map[string]string{"NODE": "a", "INSECURE": "true", "PEER_PORT": port})
	defer os.RemoveAll(restored.Dir)
	restored.Run("restore", directory)
	if err := restored.TryStart(); err != nil {
		return err
	}
	if st := standing(r.t, restored); len(st.Members) != 1 || st.Number != 1 {
		return fmt.Errorf("what was restored says %+v", st)
	}
	head, err := load.Head(r.t.Context(), load.At(restored.Addr))
	if err != nil {
		return err
	}
	second := server.New(r.t, server.Dir(r.t), map[string]string{"NODE": "b", "INSECURE": "true", "PEER_PORT": "0", "PEERS": port})
	defer os.RemoveAll(second.Dir)
	if err := second.TryStart(); err != nil {
		return err
	}
	await(r.t, "the second one to have everything", func() bool {
		got, err := load.Head(r.t.Context(), load.At(second.Addr))
		return err == nil && got >= head
	})
	entries, failure := load.History(r.t.Context(), load.At(second.Addr), 1, 0)
	r.ledger.Read(1, entries)
	if err := failure(); err != nil {
		return err
	}
	restored.Stop()
	second.Stop()
	restored.Run("verify")
	second.Run("verify")
	return r.verdict()
}
