package cluster

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ringlog/ringlog/blobstore/peer"
)

// Call asks the node at an address for a method, with request and result in JSON; in or out
// may be nil. Errors are those of Links.Call.
func Call(ctx context.Context, links *peer.Links, address, method string, in, out any) error {
	request, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := links.Call(ctx, address, method, request)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s at %s: what it answers is no JSON of ours: %w", method, address, err)
	}
	return nil
}

// method makes of a function of values one of bytes.
func method[In, Out any](do func(ctx context.Context, caller peer.Caller, in In) (Out, error)) peer.Method {
	return func(ctx context.Context, caller peer.Caller, request []byte) ([]byte, error) {
		var in In
		if err := json.Unmarshal(request, &in); err != nil {
			return nil, &peer.Error{Code: "request", Text: "want JSON: " + err.Error()}
		}
		out, err := do(ctx, caller, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}
