package main

import (
	"fmt"

	"github.com/ringlog/ringlog/logserver/order"
)

// checkPlacement refuses more replicas elsewhere than there are.
func (c *Config) checkPlacement() error {
	if c.OtherZones+c.OtherRegions >= c.Replicas {
		return configErrorf("OTHER_ZONES, OTHER_REGIONS: want together fewer than REPLICAS, which is %d, not %d and %d",
			c.Replicas, c.OtherZones, c.OtherRegions)
	}
	return nil
}

// settings are the cluster's settings that were set, by name.
func (c *Config) settings() map[string]string {
	names := map[string]string{
		"REPLICAS": order.SettingReplicas, "OTHER_ZONES": order.SettingOtherZones,
		"OTHER_REGIONS": order.SettingOtherRegions, "COMMIT": order.SettingCommit,
	}
	set := map[string]string{}
	for _, v := range variables(c) {
		if name := names[v.name]; name != "" && v.origin() != "default" {
			set[name] = fmt.Sprint(v.field)
		}
	}
	return set
}
