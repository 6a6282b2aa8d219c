package logserver_test

import (
	"testing"

	"github.com/ringlog/ringlog/logserver"
)

// Who asks with head is told the members, in its turn if it has an id; who doesn't ask is not, and a
// server that is alone has none to tell.
func TestMembersAreToldToWhoAsks(t *testing.T) {
	together := serve(t, logserver.Options{}, logserver.ServerOptions{Members: func() []string { return []string{"a:1", "b:2"} }})
	hold(t, together, `
		> {"head":true}
		< {"head":0}
		> {"head":true,"members":true}
		< {"head":0,"members":["a:1","b:2"]}
		> {"id":"1","entry":{}}
		> {"id":"2","head":true,"members":true}
		> {"id":"3","head":true,"members":false}
		< {"id":"1","index":1}
		< {"id":"2","head":1,"members":["a:1","b:2"]}
		< {"id":"3","head":1}
		> {"head":true,"members":"all"}
		< {"error":"invalid message"}
		half
		end`)
	alone := serve(t, logserver.Options{}, logserver.ServerOptions{})
	hold(t, alone, `
		> {"head":true,"members":true}
		< {"head":0}
		half
		end`)
}
