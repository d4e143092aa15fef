package schema

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// TargetsData are the addresses of the data sources that say to whom the job
// sends: its targets are those of the time at which they were read, and are read
// again when it fires. It is empty where the configuration alone says it.
func (j *Job) TargetsData() []string { return j.eval.block.targetsData(j.eval.ctx) }

func (j *jobBlock) targetsData(ctx *hcl.EvalContext) []string {
	var data []string
	for _, name := range []string{"targets", "exclude"} {
		if a := j.args[name]; a != nil {
			data = union(data, dataOf(a, ctx))
		}
	}
	return data
}

// TargetsDigest identifies how the targets of the job are chosen: what is written
// and the values to which it refers, but not what data sources say.
func (j *Job) TargetsDigest() string {
	e := j.eval
	var args []*arg
	for _, name := range []string{"targets", "exclude"} {
		if a := e.block.args[name]; a != nil {
			args = append(args, a)
		}
	}
	return e.src.digestOf(args, e.ctx)
}

// MessageLive tells whether data sources say what the job sends, by themselves or
// by its targets.
func (j *Job) MessageLive() bool {
	e := j.eval
	if j.MessageVaries() && len(j.TargetsData()) > 0 {
		return true
	}
	return slices.ContainsFunc(e.says(), func(a *arg) bool { return len(dataOf(a, e.ctx)) > 0 })
}

// MessageDigest identifies what the job sends as TargetsDigest does to whom.
func (j *Job) MessageDigest() string { return j.eval.src.digestOf(j.eval.says(), j.eval.ctx) }

// says are the arguments that say what the job sends.
func (e *jobEval) says() []*arg {
	return slices.DeleteFunc(e.block.firedArgs(), func(a *arg) bool { return a.name == "targets" || a.name == "exclude" })
}
