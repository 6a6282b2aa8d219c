package order

import (
	"fmt"

	"go.etcd.io/raft/v3"
)

// raftConfig is how Raft runs here; see DESIGN.md, "A cluster of many". The ticks only
// matter with several voters: one that is alone is told to campaign.
func raftConfig(node, applied uint64, storage raft.Storage) *raft.Config {
	return &raft.Config{
		ID: node, Applied: applied, Storage: storage,
		ElectionTick: 10, HeartbeatTick: 1,
		MaxSizePerMsg:             1 << 20,
		MaxCommittedSizePerReady:  16 << 20,
		MaxUncommittedEntriesSize: 64 << 20,
		MaxInflightMsgs:           256,
		PreVote:                   true,
		CheckQuorum:               true,
		StepDownOnRemoval:         true,
		DisableProposalForwarding: true,
		Logger:                    quiet{},
	}
}

// caught makes a panic inside Raft into an error: whatever Raft found wrong, its state
// must not be used any more. It is deferred.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("raft: %v", p)
	}
}

// Raft's storage takes its logger from here. Nobody else uses Raft.
func init() { raft.SetLogger(quiet{}) }

// quiet is Raft's logger: it says nothing, and panics where Raft relies on that.
type quiet struct{}

func (quiet) Debug(...any)            {}
func (quiet) Debugf(string, ...any)   {}
func (quiet) Info(...any)             {}
func (quiet) Infof(string, ...any)    {}
func (quiet) Warning(...any)          {}
func (quiet) Warningf(string, ...any) {}
func (quiet) Error(...any)            {}
func (quiet) Errorf(string, ...any)   {}
func (quiet) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (quiet) Panic(v ...any)          { panic(fmt.Sprint(v...)) }

func (quiet) Fatalf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
func (quiet) Panicf(format string, v ...any) { panic(fmt.Sprintf(format, v...)) }
