package cluster

import (
	"context"
	"errors"

	"github.com/ringlog/ringlog/blobstore/peer"
	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/order"
)

// setting is one setting of the cluster, by the name that order.Placement.With takes.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Set changes one of the cluster's settings: how many nodes hold content ("replicas", 1 to 7), how
// many of them elsewhere ("other-zones", "other-regions"), how many must before an append is
// confirmed ("commit": one, quorum, all). There may be fewer members than replicas: then all hold
// all. When it returns without an error the setting is agreed on.
func (n *Node) Set(ctx context.Context, name, value string) error {
	_, err := lead(ctx, n, "set", setting{name, value}, n.set)
	return err
}

// set changes a setting. It is for the leader.
func (n *Node) set(ctx context.Context, log *logserver.Log, s setting) (any, error) {
	for {
		before, _ := log.Standing()
		if before.Settings.Configuration == 0 {
			return nil, order.ErrNotServing
		}
		want, err := before.Settings.With(s.Name, s.Value)
		if err == nil && want == before.Settings.Placement {
			return nil, nil
		}
		if err == nil {
			err = log.Set(ctx, s.Name, s.Value)
		}
		if errors.Is(err, order.ErrSettings) {
			return nil, &peer.Error{Code: peer.CodeRefused, Text: err.Error()}
		}
		if err != nil {
			return nil, err
		}
		for range 10 { // until the change is made, or another
			if now, _ := log.Standing(); now.Settings.Configuration != before.Settings.Configuration {
				break
			}
			if pause(ctx) != nil {
				return nil, &peer.Error{Code: codeNoLeader, Text: "the setting is not changed yet: look at `ringlog cluster status`"}
			}
		}
	}
}
