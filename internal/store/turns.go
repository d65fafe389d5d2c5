package store

import (
	"slices"
	"strings"

	"aihub"
)

// Queue is how the queue shares what there is. Its zero value shares equally and
// bounds nothing.
//
// Whose run is next is start-time fair queueing (Goyal, Vin, Cheng 1996) on two
// levels: organisations take turns by weight, and within an organisation its
// scenarios do. A turn costs one run, however long the run takes: a cost in time
// would tell in the order of later runs how long a hidden one took. What keeps an
// organisation with long runs from holding every sandbox is the cap.
type Queue struct {
	PerOrg          int                 // hidden runs at once for one organisation, and trials at once; 0: no bound
	PerScenario     int                 // likewise for one scenario; 0: no bound
	OrgWeights      map[aihub.OrgID]int // turns against others; default 1
	ScenarioWeights map[string]int      // by name without version; default 1

	Hours   float64                 // processor hours an organisation has a month; 0: no bound
	HoursOf map[aihub.OrgID]float64 // of one organisation, instead
}

func (q Queue) orgWeight(o aihub.OrgID) int64 { return int64(max(1, q.OrgWeights[o])) }

func (q Queue) scenarioWeight(scenario string) int64 {
	name, _, _ := strings.Cut(scenario, "@")
	return int64(max(1, q.ScenarioWeights[name]))
}

// turn is one turn of weight 1 in the units of the tags.
const turn = 1_000_000

// pick is the run whose turn it is, and the tags that claiming it sets.
type pick struct {
	run  runRow
	tags map[string]int64
}

// flow is a queue among others: its id among the tags, and its start tag.
type flow struct {
	name  string
	start int64
}

// class names the line of a kind among the tags. Turns and caps of one know nothing of another:
// a trial must not begin later or earlier for what a hidden run does.
func class(k aihub.RunKind) string {
	switch k {
	case aihub.RunScore:
		return "score"
	case aihub.RunWorkspace:
		return "workspace"
	case aihub.RunSmoke:
		return "trial"
	}
	return "run"
}

// next returns the queued run of the kinds, all of one class, whose turn it is. Runs that may not
// start yet, or whose organisation or scenario has all it may at once, are
// passed over.
func (t *tx) next(kinds []aihub.RunKind) (best pick, found bool, err error) {
	class := class(kinds[0])
	type tag struct {
		id string
		at int64
	}
	list, err := all(t, func(s scanner) (r tag, err error) { err = s.Scan(&r.id, &r.at); return r, err }, "SELECT id, tag FROM turns")
	if err != nil {
		return best, false, err
	}
	tags := map[string]int64{}
	for _, r := range list {
		tags[r.id] = r.at
	}
	busyOrg, busyScenario, err := t.busy(class)
	if err != nil {
		return best, false, err
	}
	orgs, err := t.flows(kinds, "org", "", nil)
	if err != nil {
		return best, false, err
	}
	clock := tags[class]
	start := map[string]flow{}
	for _, o := range orgs {
		id := class + "/" + o
		start[o] = flow{id, max(clock, tags[id])}
	}
	slices.SortStableFunc(orgs, func(a, b string) int { return int(clamp(start[a].start - start[b].start)) })
	q := t.db.queue
	for _, o := range orgs {
		org := start[o]
		if found && org.start > start[string(best.run.Org)].start {
			break // those with the same tag compete by age
		}
		if q.PerOrg > 0 && busyOrg[o] >= q.PerOrg {
			continue
		}
		scenarios, err := t.flows(kinds, "scenario", "org = ? AND ", []any{o})
		if err != nil {
			return best, false, err
		}
		var mine pick
		var mineStart int64
		ok := false
		for _, sc := range scenarios {
			if q.PerScenario > 0 && busyScenario[sc] >= q.PerScenario {
				continue
			}
			id := org.name + "/" + sc
			at := max(tags[org.name+"/"], tags[id])
			if ok && at > mineStart {
				continue
			}
			r, there, err := t.firstOf(kinds, o, sc)
			if err != nil {
				return best, false, err
			}
			if !there || ok && at == mineStart && !older(r, mine.run) {
				continue
			}
			ok, mineStart = true, at
			mine = pick{r, map[string]int64{
				class: org.start, org.name: org.start + turn/q.orgWeight(aihub.OrgID(o)),
				org.name + "/": at, id: at + turn/q.scenarioWeight(sc),
			}}
		}
		if ok && (!found || older(mine.run, best.run)) {
			best, found = mine, true
		}
	}
	return best, found, nil
}

func clamp(n int64) int64 { return min(max(n, -1), 1) }

func older(a, b runRow) bool {
	if !a.queuedAt.Equal(b.queuedAt) {
		return a.queuedAt.Before(b.queuedAt)
	}
	return a.ID < b.ID
}

// share is whose run a lease is.
type share struct{ org, scenario string }

// leases are the runs of the kinds that are held. Leases are few and runs are
// not: CROSS keeps SQLite from reading the queue to look each run up in them.
func (t *tx) leases(kinds []aihub.RunKind) (held []share, err error) {
	_, err = all(t, func(s scanner) (k aihub.RunKind, err error) {
		var r share
		if err = s.Scan(&k, &r.org, &r.scenario); slices.Contains(kinds, k) {
			held = append(held, r)
		}
		return k, err
	}, "SELECT "+lane+", r.org, r.scenario FROM leases l CROSS JOIN runs r WHERE r.id = l.run")
	return held, err
}

// busy counts the leases of organisations and of scenarios that count for a cap.
func (t *tx) busy(class string) (orgs, scenarios map[string]int, err error) {
	orgs, scenarios = map[string]int{}, map[string]int{}
	kinds := map[string][]aihub.RunKind{"run": {aihub.RunInfer, aihub.RunTrain}, "trial": Trials}[class]
	if t.db.queue.PerOrg <= 0 && t.db.queue.PerScenario <= 0 || kinds == nil {
		return orgs, scenarios, nil
	}
	list, err := t.leases(kinds)
	for _, r := range list {
		orgs[r.org]++
		scenarios[r.scenario]++
	}
	return orgs, scenarios, err
}

// flows returns the distinct values of a column among queued runs, by one step
// through the index for each instead of reading the queue.
func (t *tx) flows(kinds []aihub.RunKind, column, where string, args []any) ([]string, error) {
	var out []string
	for _, k := range kinds {
		from := " FROM runs r WHERE r.state = 'queued' AND " + lane + " = ? AND " + where + "r." + column
		q := "WITH RECURSIVE f (v) AS (SELECT MIN(r." + column + ")" + from + " > '' UNION ALL SELECT (SELECT MIN(r." + column + ")" + from +
			" > f.v) FROM f WHERE f.v IS NOT NULL) SELECT v FROM f WHERE v IS NOT NULL"
		one := append([]any{k}, args...)
		list, err := all(t, value[string], q, append(one, one...)...)
		if err != nil {
			return nil, err
		}
		for _, v := range list {
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out, nil
}

// firstOf returns the run of an organisation in a scenario that has waited
// longest and may start.
func (t *tx) firstOf(kinds []aihub.RunKind, org, scenario string) (best runRow, found bool, err error) {
	for _, k := range kinds {
		r, ok, err := one(t, scanRun, "SELECT "+runCols+runFrom+" WHERE r.state = 'queued' AND "+lane+` = ? AND r.org = ? AND r.scenario = ?
			AND COALESCE(r.ready_at, 0) <= ? ORDER BY r.queued_at, r.id LIMIT 1`, k, org, scenario, us(t.wall))
		if err != nil {
			return best, false, err
		}
		if ok && (!found || older(r, best)) {
			best, found = r, true
		}
	}
	return best, found, nil
}

// take sets the tags of a run that is claimed.
func (t *tx) take(p pick) error {
	for id, tag := range p.tags {
		if err := t.exec("INSERT INTO turns (id, tag) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET tag = excluded.tag", id, tag); err != nil {
			return err
		}
	}
	return nil
}
