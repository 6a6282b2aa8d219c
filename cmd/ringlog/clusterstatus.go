package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/ringlog/ringlog/logserver"
	"github.com/ringlog/ringlog/logserver/cluster"
	"github.com/ringlog/ringlog/logserver/order"
)

// parts has a member leave, and says what those who stay can bear.
func parts(ctx context.Context, call caller, out io.Writer, method string, in any, done string) error {
	var rest cluster.Strength
	if err := call(ctx, method, in, &rest); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s\nof those who stay %s: the cluster %s\n", done, counted(rest.Voters, "votes", "vote"), bears(&rest))
	return err
}

// set changes a setting, and says what it lacks.
func set(ctx context.Context, call caller, out io.Writer, name, value string) error {
	in := map[string]string{"name": name, "value": value}
	if err := call(ctx, "set", in, nil); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(out, "%s is %s now, for all members\n", name, value); err != nil {
		return err
	}
	var st cluster.Status
	if err := call(ctx, "status", nil, &st); err != nil {
		return err
	}
	for _, lack := range lacks(&st) {
		fmt.Fprintln(out, lack)
	}
	return nil
}

// counted is a number with the word for one, or for more.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// bears says how many failures a cluster bears.
func bears(s *cluster.Strength) string {
	switch {
	case s.Tolerates < 0:
		return "takes no appends: too few of its nodes are up, as far as is seen here"
	case s.Tolerates > 0:
		return "tolerates " + counted(s.Tolerates, "failure", "failures")
	case s.Voters < 3:
		return "tolerates 0 failures: one can stop appends until that node is back; with three voting nodes one may fail"
	}
	return "tolerates 0 failures: one more can stop appends until a node is back"
}

// lacks says which settings can't be fulfilled by the members that there are.
func lacks(st *cluster.Status) (list []string) {
	p := st.Settings
	if p == nil || len(st.Members) == 0 {
		return nil
	}
	if n := len(st.Members); n < p.Replicas {
		list = append(list, fmt.Sprintf("there are not as many members as replicas yet: %s; until more join, each holds everything",
			counted(n, "member", "members")))
	}
	zones, regions := map[string]bool{}, map[string]bool{}
	for i := range st.Members {
		m := &st.Members[i]
		zones[m.Region+"/"+m.Zone], regions[m.Region] = true, true
	}
	if n := len(zones); n <= p.OtherZones {
		list = append(list, fmt.Sprintf("%s %d can't be had yet: the members are in %s", order.SettingOtherZones, p.OtherZones, counted(n, "zone", "zones")))
	}
	if n := len(regions); n <= p.OtherRegions {
		list = append(list, fmt.Sprintf("%s %d can't be had yet: the members are in %s", order.SettingOtherRegions, p.OtherRegions, counted(n, "region", "regions")))
	}
	return list
}

func printStatus(w io.Writer, st *cluster.Status) {
	leader := "nobody"
	for _, m := range st.Members {
		if m.Number == st.Leader {
			leader = m.Name
		}
	}
	fmt.Fprintf(w, "cluster\t%s\n", st.Cluster)
	fmt.Fprintf(w, "this node\t%s (number %d): %s\n", st.Name, st.Number, st.State)
	fmt.Fprintf(w, "leader\t%s\n", leader)
	if st.Settings != nil {
		var list []string
		for _, name := range order.SettingNames {
			list = append(list, name+" "+st.Settings.Get(name))
		}
		fmt.Fprintf(w, "settings\t%s\n", strings.Join(list, ", "))
	}
	for _, lack := range lacks(st) {
		fmt.Fprintf(w, "\t%s\n", lack)
	}
	if !st.Serving {
		fmt.Fprintf(w, "appends\tare not taken here at present\n")
	}
	if st.Faulty != "" {
		fmt.Fprintf(w, "faulty\t%s; replace it\n", st.Faulty)
	}
	switch st.State {
	case cluster.Waiting:
		fmt.Fprintf(w, "to do\tit looks for a cluster: start a node of its PEERS, or `ringlog cluster join`; if there is none yet, `ringlog cluster found`\n")
	case cluster.Removed:
		fmt.Fprintf(w, "to do\tstop it: its data is a copy that no cluster knows any more\n")
	default:
		fmt.Fprintf(w, "content\t%s\n", contentOf(&st.Repairs))
		fmt.Fprintf(w, "failures\t%s\n", bears(&st.Strength))
	}
	if len(st.Members) > 0 {
		fmt.Fprintln(w)
		printMembers(w, st)
	}
}

// contentOf says whether a node has the content that it is to have.
func contentOf(r *logserver.Repairs) string {
	text := "as it should be here"
	if r.Missing > 0 || r.Damaged > 0 {
		text = fmt.Sprintf("%d entries are to come here, %d damaged batches are to be put right", r.Missing, r.Damaged)
	}
	if done := r.Fetched + r.Mended; done > 0 {
		text += fmt.Sprintf(" (since the start: %d batches, %.1f MB)", done, float64(r.Bytes)/1e6)
	}
	return text
}

func printMembers(w io.Writer, st *cluster.Status) {
	fmt.Fprintln(w, "NUMBER\tNAME\tROLE\tPEERS\tCLIENTS\tZONE\tBEHIND\tSTORED\tREPAIR\tLINK")
	var furthest uint64
	for i := range st.Members {
		if p := st.Members[i].Pulse; p != nil {
			furthest = max(furthest, p.Applied)
		}
	}
	for i := range st.Members {
		m := &st.Members[i]
		role := m.Role
		if m.Number == st.Leader {
			role += ", leads"
		}
		zone := strings.Trim(m.Region+"/"+m.Zone, "/")
		behind, stored, repair := "?", "?", "?"
		if p := m.Pulse; p != nil {
			behind, stored, repair = fmt.Sprint(furthest-p.Applied), fmt.Sprintf("%.1f MB", float64(p.Stored)/1e6), fmt.Sprint(p.Repair)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.Number, m.Name, role, m.Address, m.Clients, zone, behind, stored, repair, linkOf(m))
	}
}

// linkOf says how the link to a member is.
func linkOf(m *cluster.Member) string {
	switch {
	case m.Self:
		return "this node"
	case m.Connected && m.Pulse != nil && m.Pulse.Full:
		return "up, disk full"
	case m.Connected:
		return "up"
	case m.Error != "":
		return "down: " + m.Error
	}
	return "down"
}
