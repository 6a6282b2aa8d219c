package main

import (
	"errors"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/kelseyhightower/envconfig"
)

// prefix makes a variable ours when another program wants the same name: RINGLOG_PORT wins over PORT.
const prefix = "RINGLOG"

// Config is the server's configuration, a field a variable, in the order of the manual. The tags:
// default; want, what a good value looks like; min and max of a number; oneof; meaning;
// secret, never shown.
type Config struct {
	Port     Count  `envconfig:"PORT" default:"8089" min:"0" max:"65535" want:"a port from 0 to 65535" meaning:"where clients connect (0: any free one)"`
	Host     string `envconfig:"HOST" default:"127.0.0.1" want:"an address of this machine" meaning:"where clients connect; another than loopback needs TOKENS or TLS_CA, or INSECURE=true"`
	Blobs    string `envconfig:"BLOBS" default:"ringlog.blobs" want:"a directory, or memory" meaning:"directory of the segments; memory keeps all in memory"`
	DB       string `envconfig:"DB" default:"ringlog.db" want:"a file" meaning:"the index, made anew when lost; none with BLOBS=memory"`
	Echo     Bool   `envconfig:"ECHO" default:"false" want:"true or false" meaning:"send an unbounded read its own connection's appends too"`
	LogLevel Level  `envconfig:"LOG_LEVEL" default:"info" want:"debug, info, warn, error or off" meaning:"how much is logged (JSON lines on standard output)"`
	EntryLimit
	MaxConns    Count    `envconfig:"MAX_CONNS" default:"16384" min:"1" max:"1000000" want:"a number from 1 to 1000000" meaning:"connections at once"`
	Memory      Size     `envconfig:"MEMORY" min:"16777216" max:"1125899906842624" want:"a size of 16MiB or more" meaning:"memory for lines, answers, reads of history and recent lines; default: 25 % of what there is"`
	Sync        Choice   `envconfig:"SYNC" default:"always" oneof:"always" want:"always" meaning:"what is flushed before an answer"`
	Insecure    Bool     `envconfig:"INSECURE" default:"false" want:"true or false" meaning:"allow what the other rows ask for"`
	Segment     Size     `envconfig:"SEGMENT" default:"256MiB" min:"65536" max:"268435456" want:"a size from 64KiB to 256MiB" meaning:"bytes of a segment file"`
	DiskTimeout Duration `envconfig:"DISK_TIMEOUT" default:"30s" min:"100000000" max:"3600000000000" want:"a duration from 100ms to 1h" meaning:"a write that takes longer ends the server"`
	Keys        Count    `envconfig:"KEYS" default:"1048576" min:"1" max:"16777216" want:"a number from 1 to 16777216" meaning:"keyed appends that are remembered; only founds the data, another value later is warned of"`
	Logs        Count    `envconfig:"LOGS" default:"10000" min:"1" max:"1000000" want:"a number from 1 to 1000000" meaning:"logs at most; only founds the data, another value later is warned of"`
	Security
	Cluster
}

// EntryLimit is for the server and for who appends to it.
type EntryLimit struct {
	MaxEntry Size `envconfig:"MAX_ENTRY" default:"1MiB" min:"64" max:"16777216" want:"a size from 64 to 16MiB" meaning:"bytes of an entry; a line may be 64 KiB longer"`
}

// Security is who may do what: see security.go.
type Security struct {
	Tokens  string `envconfig:"TOKENS" secret:"true" want:"a file of tokens" meaning:"file of tokens with scopes, as ringlog token makes them; read again on HUP"`
	TLSCert string `envconfig:"TLS_CERT" want:"a file" meaning:"file of the server's certificate and its chain, PEM; read again on HUP and when it changes"`
	TLSKey  string `envconfig:"TLS_KEY" want:"a file" meaning:"file of its key, PEM"`
	TLSCA   string `envconfig:"TLS_CA" want:"a file" meaning:"file of the CA of client certificates, PEM: clients need one of its certificates, or a token"`
}

// Cluster makes the server one node of several.
type Cluster struct {
	PeerPort     string   `envconfig:"PEER_PORT" want:"a port, or host:port" meaning:"where other nodes connect; without it the server is alone"`
	Peers        []string `envconfig:"PEERS" want:"addresses, host:port, with commas between" meaning:"other nodes' peer ports: one that is up is enough to join"`
	Node         string   `envconfig:"NODE" want:"a name" meaning:"name of this node; with PEER_CERT it is the certificate's"`
	Advertise    string   `envconfig:"ADVERTISE" want:"an address, host or host:port" meaning:"address told to other nodes; default: this machine's name, and PEER_PORT"`
	Expect       Count    `envconfig:"EXPECT" default:"0" min:"0" max:"64" want:"a number from 0 to 64" meaning:"how many nodes found the cluster together, this one included"`
	Replicas     Count    `envconfig:"REPLICAS" default:"3" min:"1" max:"7" want:"a number from 1 to 7" meaning:"nodes that hold an entry; there may be fewer; only founds the cluster, later ringlog cluster set changes it"`
	Commit       Choice   `envconfig:"COMMIT" default:"quorum" oneof:"quorum one all" want:"quorum, one or all" meaning:"how many of them have flushed it before an answer; only founds the cluster, later ringlog cluster set changes it"`
	OtherZones   Count    `envconfig:"OTHER_ZONES" default:"0" min:"0" max:"6" want:"a number from 0 to 6" meaning:"so many of REPLICAS in other zones, where possible; only founds the cluster, later ringlog cluster set changes it"`
	OtherRegions Count    `envconfig:"OTHER_REGIONS" default:"0" min:"0" max:"6" want:"a number from 0 to 6" meaning:"so many of REPLICAS in other regions, where possible; only founds the cluster, later ringlog cluster set changes it"`
	Zone         string   `envconfig:"ZONE" want:"a name" meaning:"zone of this node"`
	Region       string   `envconfig:"REGION" want:"a name" meaning:"region of this node"`
	Metadata     Pairs    `envconfig:"METADATA" want:"name=value, with commas between" meaning:"metadata of this node, told to the others"`
	PeerCert     string   `envconfig:"PEER_CERT" want:"a file" meaning:"certificate between nodes: see ringlog cluster certs"`
	PeerKey      string   `envconfig:"PEER_KEY" want:"a file" meaning:"its key"`
	PeerCA       string   `envconfig:"PEER_CA" want:"a file" meaning:"CA between nodes"`
}

// loadConfig reads the environment. An error is one line that names the variable and what it wants.
func loadConfig() (*Config, error) {
	unsetEmpty()
	c := &Config{Memory: Size(defaultMemory())}
	if err := envconfig.Process(prefix, c); err != nil {
		return nil, describe(err)
	}
	for _, v := range variables(c) {
		if err := v.check(); err != nil {
			return nil, err
		}
	}
	if err := c.checkPlacement(); err != nil {
		return nil, err
	}
	return c, c.checkExposure()
}

// loadEntryLimit reads what of the configuration is for who appends, too.
func loadEntryLimit() (EntryLimit, error) {
	unsetEmpty()
	c := &Config{}
	if err := envconfig.Process(prefix, &c.EntryLimit); err != nil {
		return c.EntryLimit, describe(err)
	}
	for _, v := range variables(c) {
		if v.name == "MAX_ENTRY" {
			return c.EntryLimit, v.check()
		}
	}
	return c.EntryLimit, nil
}

// unsetEmpty makes an empty variable an absent one: compose files and unit files leave such behind.
func unsetEmpty() {
	for _, v := range variables(&Config{}) {
		for _, name := range []string{prefix + "_" + v.name, v.name} {
			if value, ok := os.LookupEnv(name); ok && value == "" {
				os.Unsetenv(name)
			}
		}
	}
}

func describe(err error) error {
	var parse *envconfig.ParseError
	if !errors.As(err, &parse) {
		return withCode(exitConfig, err)
	}
	for _, v := range variables(&Config{}) {
		if prefix+"_"+v.name == parse.KeyName {
			return configErrorf("%s: want %s, not %q", v.origin(), v.want, parse.Value)
		}
	}
	return withCode(exitConfig, err)
}

// checkCluster refuses what is for nodes of a cluster where the server is none.
func (c *Config) checkCluster() error {
	if c.PeerPort != "" {
		return nil
	}
	for _, v := range variables(c) {
		switch v.name {
		case "PEERS", "NODE", "ADVERTISE", "EXPECT", "ZONE", "REGION", "METADATA", "PEER_CERT", "PEER_KEY", "PEER_CA":
			if v.origin() != "default" {
				return configErrorf("%s: want PEER_PORT beside it, where other nodes connect; or unset it", v.origin())
			}
		}
	}
	return nil
}

// checkExposure refuses to serve strangers without any protection, unless told to.
func (c *Config) checkExposure() error {
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return configErrorf("TLS_CERT, TLS_KEY: want both or neither")
	case c.TLSCA != "" && c.TLSCert == "":
		return configErrorf("TLS_CA: want TLS_CERT and TLS_KEY beside it: client certificates come with TLS")
	case bool(c.Insecure), isLoopback(c.Host), c.guarded():
		return nil
	}
	return configErrorf("HOST: %s can be reached from other machines: want TOKENS (`ringlog token` makes them) or TLS_CA beside it, "+
		"so that not everybody may read and append; or INSECURE=true, if everybody may", c.Host)
}

func isLoopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// variable is one row of the manual, with the value in force.
type variable struct {
	name, def, want, meaning string
	oneof, min, max          string
	secret                   bool
	field                    reflect.Value
}

// variables lists all rows of c.
func variables(c *Config) []variable {
	value := reflect.ValueOf(c).Elem()
	var rows []variable
	for _, field := range reflect.VisibleFields(value.Type()) {
		if field.Anonymous {
			continue
		}
		tag := field.Tag
		rows = append(rows, variable{
			name: tag.Get("envconfig"), def: tag.Get("default"), want: tag.Get("want"), meaning: tag.Get("meaning"),
			oneof: tag.Get("oneof"), min: tag.Get("min"), max: tag.Get("max"),
			secret: tag.Get("secret") != "", field: value.FieldByIndex(field.Index),
		})
	}
	return rows
}

// origin is the name of the environment variable that is in force, or "default".
func (v variable) origin() string {
	for _, name := range []string{prefix + "_" + v.name, v.name} {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return "default"
}

// shown is the value as text, as it was written.
func (v variable) shown() string {
	origin := v.origin()
	switch {
	case origin == "default" && v.name == "MEMORY":
		return Size(defaultMemory()).String()
	case origin == "default":
		return v.def
	case v.secret:
		return "(set)"
	}
	return os.Getenv(origin)
}

// founding is the value of a variable that only founds the data, 0 unless it was set: data that was
// founded with another one is as wanted then.
func (c *Config) founding(name string) int {
	for _, v := range variables(c) {
		if v.name == name && v.origin() != "default" {
			return int(v.field.Int())
		}
	}
	return 0
}

func (v variable) check() error {
	if !v.inRange() || v.oneof != "" && !slices.Contains(strings.Fields(v.oneof), v.field.String()) {
		return configErrorf("%s: want %s, not %q", v.origin(), v.want, v.shown())
	}
	return nil
}

func (v variable) inRange() bool {
	if v.min == "" {
		return true
	}
	low, _ := strconv.ParseInt(v.min, 10, 64)
	high, _ := strconv.ParseInt(v.max, 10, 64)
	return low <= v.field.Int() && v.field.Int() <= high
}
