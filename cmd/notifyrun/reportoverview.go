package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/notifyrun/notifyrun/engine"
)

// overview sums up on two screens what came of very many runs, or for very many
// reasons: the runs that are complete by block, those that are not by
// themselves, the worst first, and the failures by cause. So many are listed of
// each.
func (v reportView) overview(r *engine.Report, took time.Duration, next commandLines, listed int) {
	causes, lost, byHand := min(listed, 4), min(listed, 2), min(listed, 2)
	fmt.Fprintln(v.w)
	var whole, rest []*engine.RunReport
	for _, run := range r.Runs {
		if run.Left == 0 && len(run.Failures) == 0 {
			whole = append(whole, run)
		} else {
			rest = append(rest, run)
		}
	}
	v.summed(whole, listed)
	slices.SortStableFunc(rest, func(a, b *engine.RunReport) int { return cmp.Compare(missing(b), missing(a)) })
	if len(rest) == listed+1 { // one more line is as good as one that says so
		v.run(rest[0])
		rest = rest[1:]
	}
	for _, run := range rest[:min(listed, len(rest))] {
		v.run(run)
	}
	if more := rest[min(listed, len(rest)):]; len(more) > 0 {
		fmt.Fprintf(v.w, "… and %s: %s; notifyrun runs lists them\n", count(len(more), "more run"), outcomesOf(more))
	}
	v.causes(r, causes)
	addresses := slices.Sorted(maps.Keys(r.Lost))
	for _, address := range addresses[:min(lost, len(addresses))] {
		v.lost(address, fmt.Errorf("%s", v.cut(r.Lost[address].Error(), 4)))
	}
	if more := addresses[min(lost, len(addresses)):]; len(more) > 0 {
		fmt.Fprintf(v.w, "\n%s %s were lost too: %s\n", v.style.red("Error:"), count(len(more), "other PBX"), printable(names(more, itself)))
	}
	v.end(r, took)
	for _, l := range v.broken("This is an overview; notifyrun runs and notifyrun show have each run and each phone.") {
		v.printf("%s\n", l)
	}
	v.next(r, next, byHand)
}

// missing counts what of a run is not as it should be.
func missing(run *engine.RunReport) int {
	n := run.Left
	for _, f := range run.Failures {
		n += len(f.Targets)
	}
	return n
}

// summed tells of complete runs by the blocks of their jobs.
func (v reportView) summed(runs []*engine.RunReport, listed int) {
	byBlock := map[string][]*engine.RunReport{}
	var blocks []string
	for _, run := range runs {
		block, _ := blockOf(run.Job)
		if byBlock[block] == nil {
			blocks = append(blocks, block)
		}
		byBlock[block] = append(byBlock[block], run)
	}
	slices.SortStableFunc(blocks, func(a, b string) int { return cmp.Compare(len(byBlock[b]), len(byBlock[a])) })
	if len(blocks) == listed+1 {
		listed++
	}
	for _, block := range blocks[:min(listed, len(blocks))] {
		if all := byBlock[block]; len(all) > 1 {
			fmt.Fprintf(v.w, "%s of %s: %s\n", count(len(all), "run"), printable(block), outcomesOf(all))
		} else {
			v.run(all[0])
		}
	}
	var more []*engine.RunReport
	for _, block := range blocks[min(listed, len(blocks)):] {
		more = append(more, byBlock[block]...)
	}
	if len(more) > 0 {
		fmt.Fprintf(v.w, "… and %s of other jobs: %s\n", count(len(more), "run"), outcomesOf(more))
	}
}

// outcomesOf words what came of several runs.
func outcomesOf(runs []*engine.RunReport) string {
	sum, left := map[engine.Outcome]int{}, 0
	for _, run := range runs {
		for o, n := range run.Outcomes {
			sum[o] += n
		}
		left += run.Left
	}
	return outcomesAndRest(sum, left)
}

// causes tells of the failures of all runs, those first that most phones had.
func (v reportView) causes(r *engine.Report, listed int) {
	type cause struct {
		outcome engine.Outcome
		text    string
	}
	type failed struct {
		cause
		n, jobs int
		targets []string // the first of them
	}
	var all []*failed
	of := map[cause]*failed{}
	for _, run := range r.Runs {
		for _, x := range run.Failures {
			k := cause{x.Outcome, x.Cause}
			f := of[k]
			if f == nil {
				f = &failed{cause: k}
				of[k], all = f, append(all, f)
			}
			f.n, f.jobs = f.n+len(x.Targets), f.jobs+1
			f.targets = append(f.targets, x.Targets[:min(len(x.Targets), maxNames-min(maxNames, len(f.targets)))]...)
		}
	}
	slices.SortStableFunc(all, func(a, b *failed) int { return cmp.Compare(b.n, a.n) })
	for _, f := range all[:min(listed, len(all))] {
		fmt.Fprintf(v.w, "\n%s %s of %s:\n%s\n", v.style.red(strings.ToUpper(string(f.outcome[:1]))+string(f.outcome[1:])+":"),
			count(f.n, "delivery"), count(f.jobs, "job"), indent(printable(v.cut(f.text, 2)), "  "))
		fmt.Fprintf(v.w, "    %s\n", v.clip(printable(fewOf(f.n, f.targets, itself, max(v.columns()-4, 0))), 4))
	}
	left, n := all[min(listed, len(all)):], 0
	for _, f := range left {
		n += f.n
	}
	if len(left) > 0 {
		fmt.Fprintf(v.w, "\n… and %s, for %s\n", count(n, "more delivery"), count(len(left), "other reason"))
	}
}

// cut shortens a text to so many rows.
func (v reportView) cut(s string, rows int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) > rows {
		lines = append(lines[:rows-1], "…")
	}
	text := strings.Join(lines, "\n")
	return clip(text, (rows-len(lines)+1)*(v.columns()-2))
}
